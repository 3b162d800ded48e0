"""Filters for Gmail: `labelIds` and `q` of messages.list.

`q` finds words as Gmail's search does: whole words, and now and then more; dates in seconds are exact
(developers.google.com/workspace/gmail/api/guides/filtering).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from opsintel.filters.narrowing import EVALUATED_HERE, NO_PLAIN_WORD, plain_address, plain_words
from opsintel.filters.plan import Dialect, Exactness, Local, Plan, Pushed, foreign_block, plan
from opsintel.filters.syntax import Age, Moment, Named, Node, Raw, Term, Words
from opsintel.filters.terms import moment_at
from opsintel.filters.words import folded

_SYSTEM = {
    "inbox": "in:inbox", "spam": "in:spam", "trash": "in:trash", "sent": "in:sent", "draft": "in:drafts",
    "unread": "is:unread", "starred": "is:starred", "important": "is:important",
}  # fmt: skip
"""Labels whose id is their name, with how `q` says them."""

# What `q` writes for a label has `-` for spaces and slashes: only such names are meant by it alone.
_PLAIN_LABEL = re.compile(r"[a-z0-9]+\Z")


@dataclass(frozen=True, slots=True)
class Search:
    """Labels that a message has, and a search; `label` is how `q` says the labels, where it can."""

    label_ids: tuple[str, ...] = ()
    q: str = ""
    label: str = ""


@dataclass(frozen=True)
class Gmail(Dialect[Search]):
    """Gmail's search at a moment; `labels` gives the id of each label of the account by its name."""

    now: datetime
    labels: Mapping[str, str] = field(default_factory=dict)
    title = "Gmail"

    def term(self, term: Term) -> Pushed[Search] | Local:
        """Return the search for a term."""
        match term:
            case Moment() | Age():
                return Pushed(Search(q=f"{term.side}:{int(moment_at(term, self.now).timestamp())}"), Exactness.EXACT)
            case Words(field="from"):
                return self._words("from", term.text, plain_address(term.text).removeprefix("@"))
            case Words(field="subject"):
                return self._words("subject", term.text)
            case Named(field="label"):
                return self._label(folded(term.value.strip()))
            case Raw(provider="gmail"):
                return Pushed(Search(q=f"({term.query})"), Exactness.EXACT)
            case Raw():
                return foreign_block(term, self.title)
            case _:
                return Local(EVALUATED_HERE)

    def together(self, queries: Sequence[Search]) -> Search:
        """Return the search for all."""
        ids = tuple(dict.fromkeys(one for query in queries for one in query.label_ids))
        return Search(ids, " ".join(query.q for query in queries if query.q))

    def either(self, queries: Sequence[Search]) -> Search | None:
        """Return the search for any; labels that only have an id cannot stand in one."""
        sides = [_as_text(query) for query in queries]
        return Search(q=f"({' OR '.join(sides)})") if all(sides) else None

    def negated(self, query: Search) -> Search | None:
        """Return the search for messages without a label."""
        return Search(q=f"-{query.label}") if query.label else None

    def native(self, query: Search | None) -> dict[str, Any]:
        """Return parameters of messages.list; spam and trash are for the filter to leave out."""
        if query is None:
            return {}
        found: dict[str, Any] = {"labelIds": list(query.label_ids)} if query.label_ids else {}
        return found | ({"q": query.q} if query.q else {}) | {"includeSpamTrash": True}

    def _words(self, operator: str, text: str, address: str = "") -> Pushed[Search] | Local:
        words = (address,) if address else plain_words(text)
        if not words:
            return Local(NO_PLAIN_WORD)
        return Pushed(Search(q=" ".join(f'{operator}:"{word}"' for word in words)), Exactness.SUPERSET)

    def _label(self, name: str) -> Pushed[Search] | Local:
        known = [identifier for label, identifier in self.labels.items() if folded(label) == name]
        written = _SYSTEM.get(name) or (f"label:{name}" if _PLAIN_LABEL.match(name) else "")
        # `labelIds` asks for all: of labels that differ in case alone, none can be asked for.
        identifier = name.upper() if name in _SYSTEM else known[0] if len(known) == 1 else ""
        if identifier:
            return Pushed(Search((identifier,), label=written), Exactness.EXACT)
        if written:
            return Pushed(Search(q=written, label=written), Exactness.EXACT)
        return Local("the id of the label is not known, and a search cannot name it alone")


def push_down(tree: Node, now: datetime, labels: Mapping[str, str] | None = None) -> Plan:
    """Return what Gmail evaluates of a filter; `labels` gives the id of each of the account's labels by name."""
    return plan(tree, Gmail(now, labels or {}))


def _as_text(query: Search) -> str:
    if query.label_ids:
        return query.label if len(query.label_ids) == 1 and not query.q else ""
    return f"({query.q})" if " " in query.q else query.q
