"""The analysis of a message made of that of another message of its template: nothing that it does not say itself."""

from __future__ import annotations

import re

from opsintel.taxonomy.taxonomy import OTHER
from opsintel_pipeline.analyze.answer import Item, joined
from opsintel_pipeline.analyze.message import MessageView
from opsintel_pipeline.analyze.profile import Analysis

_WORD = re.compile(r"\w+")


def of_template(view: MessageView, by_rules: Analysis, like: MessageView, found: Analysis) -> Analysis:
    """Return the analysis of a message whose template is that of `like`, in which `found` was found.

    Quotes, entities, actions and asks that are not in the message are dropped. A title, summary or action that says a
    word or number of the other message which this one does not have is left out, and the rules' words take its place.
    Severity is held at the message's own floor.
    """
    whole = f"{view.subject}\n{view.text}"
    words = _Words(whole, f"{like.subject}\n{like.text}")
    given = found.model_dump(mode="json")
    item = Item.model_validate(
        given
        | {
            "n": 1,
            "category": " / ".join(found.category_path) or OTHER,
            "evidence": [each for each in given["evidence"] if each["quote"] in view.text],
            "entities": [each for each in given["entities"] if each["value"] in whole],
            "action_items": [each for each in given["action_items"] if words.may_say(each["text"])],
            "title": found.title if words.may_say(found.title) else by_rules.title,
            "summary": found.summary if words.may_say(found.summary) else by_rules.summary,
        }
    )
    return joined(view, by_rules, item)


class _Words:
    """What may be said of a message by way of another."""

    def __init__(self, own: str, other: str) -> None:
        self._own = set(_WORD.findall(own.lower()))
        self._foreign = set(_WORD.findall(other.lower())) - self._own

    def may_say(self, text: str) -> bool:
        """Tell whether a text has no word of the other message alone, and no number but the message's own."""
        words = set(_WORD.findall(text.lower()))
        numbers = {word for word in words if any(character.isdigit() for character in word)}
        return not words & self._foreign and numbers <= self._own
