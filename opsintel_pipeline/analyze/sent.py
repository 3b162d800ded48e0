"""What of a message goes to a model: its text without personal data, and the way back for what the model says of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from opsintel_pipeline.analyze.answer import Item
from opsintel_pipeline.analyze.message import MessageView
from opsintel_pipeline.analyze.prompt import MAX_CHARACTERS
from opsintel_pipeline.privacy import Placeholders, mask

LONGEST_VALUE = 4_000
"""Characters of personal data in one piece: a private key."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message as a model sees it."""

    view: MessageView
    placeholders: Placeholders

    def restored(self, item: Item) -> Item:
        """Return what a model says with the personal data of this message in place of the placeholders."""
        return Item.model_validate(self._restored(item.model_dump(mode="json")))

    def _restored(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.placeholders.restore(value)
        if isinstance(value, list):
            return [self._restored(each) for each in value]
        if isinstance(value, dict):
            return {name: self._restored(each) for name, each in value.items()}
        return value


def sent_of(view: MessageView) -> Sent:
    """Return a message without its personal data; raises `MaskingError`, and then nothing of it may be sent."""
    placeholders = Placeholders()
    return Sent(
        replace(view, subject=_masked(view.subject, placeholders), text=_masked(view.text, placeholders)), placeholders
    )


def _masked(text: str, placeholders: Placeholders) -> str:
    """Return a text without personal data, no longer than models read; a value that is cut in two is left out whole."""
    masked = mask(text[: MAX_CHARACTERS + LONGEST_VALUE], placeholders).text
    return masked if len(text) <= MAX_CHARACTERS else masked[:-LONGEST_VALUE][:MAX_CHARACTERS]
