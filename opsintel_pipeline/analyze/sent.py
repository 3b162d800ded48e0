"""What of a message goes to a model: its text without personal data, and the way back for what the model says of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from opsintel_pipeline.analyze.answer import Item
from opsintel_pipeline.analyze.message import MessageView
from opsintel_pipeline.analyze.privacy import Placeholders, mask


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
    subject, text = mask(view.subject, placeholders).text, mask(view.text, placeholders).text
    return Sent(replace(view, subject=subject, text=text), placeholders)
