"""What a model answered, item by item: checked against the message it is about, and joined with what the rules found.

Nothing a model says is taken on trust. A quote that is not in the message is dropped and lowers the confidence, so is
an entity; an address or link that the message does not have is taken out of every text; a severity below the rules'
floor is raised to it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from opsintel.llm.ask import InvalidAnswer
from opsintel.llm.items import items_in
from opsintel.llm.plain import addresses_in, plain
from opsintel_pipeline.analyze.message import MessageView
from opsintel_pipeline.analyze.profile import (
    ActionItem,
    Analysis,
    Ask,
    AskType,
    Entity,
    EntityType,
    Evidence,
    Impact,
    NotActionable,
    RequestKind,
    Sentiment,
    Urgency,
)
from opsintel_pipeline.analyze.wording import SUMMARY_LENGTH, TITLE_LENGTH, shorten
from opsintel_pipeline.language import is_foreign

MAX_PARTS = 12
"""Of quotes, action items and asks that are kept; of entities more than twice as many."""

LOST_CONFIDENCE = 0.7
"""What is left of the confidence for each quote or entity that was not in the message."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")


def _share(value: object) -> object:
    return min(1.0, max(0.0, float(value))) if isinstance(value, int | float) and not isinstance(value, bool) else value


_Share = Annotated[float, BeforeValidator(_share)]


class _Given(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class _Quoted(_Given):
    field: str = ""
    quote: str


class _GivenEntity(_Given):
    type: EntityType
    value: str


class _GivenAction(_Given):
    text: str
    owner_hint: str = ""
    due: str = ""
    quote: str


class _GivenAsk(_Given):
    type: AskType
    quote: str


class Item(_Given):
    """What a model says of one message; lengths and truth are checked afterwards."""

    n: int
    is_actionable: bool
    not_actionable_reason: Annotated[NotActionable | None, Field(strict=False)]
    kind: Annotated[RequestKind, Field(strict=False)]
    category: str
    severity: int = Field(ge=1, le=5)
    impact: Impact
    urgency: Urgency
    workaround: bool
    evidence: list[_Quoted]
    sentiment: Sentiment
    title: str
    summary: str
    entities: list[_GivenEntity]
    action_items: list[_GivenAction]
    asks: list[_GivenAsk]
    language: str
    injection_suspected: bool
    injection_quote: str
    confidence: dict[str, _Share]

    @field_validator("category")
    @classmethod
    def _is_of_the_taxonomy(cls, value: str, info: ValidationInfo) -> str:
        if info.context is not None and value not in info.context:
            raise ValueError("category is none of the list")
        return value


def items_of(content: str, views: Sequence[MessageView], categories: Collection[str], language: str) -> dict[int, Item]:
    """Return the valid items of an answer by the number of their message, from 1 on; the others are missing.

    `views` are the messages as they were asked about. An item that quotes nothing of its message, but something of
    another, is missing: the model took one for the other, or one message had it speak for another.
    `categories` is the closed list of the tenant's taxonomy. Raises `InvalidAnswer` where there is no valid item at
    all, or what they say is beyond doubt not in `language` (BCP 47); what is wrong is said by names of fields, never
    by values.
    """
    listed = items_in(content)
    expected = len(views)
    valid: dict[int, Item] = {}
    seen: Counter[int] = Counter()
    wrong = "it has no item for a message"
    for each in listed[: 2 * expected]:
        try:
            item = Item.model_validate(each, context=categories)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
            wrong = f"items: {'.'.join(map(str, first['loc'])) or 'an item'}: {first['msg']}"
            continue
        if 1 <= item.n <= expected:
            valid[item.n] = item
            seen[item.n] += 1
    for number in [number for number, times in seen.items() if times > 1]:
        # One message may have had the model speak for another.
        del valid[number]
        wrong = "it has two items for one message"
    for number in [number for number, item in valid.items() if _is_of_another(item, number, views)]:
        del valid[number]
        wrong = "an item quotes another message than its own"
    if not valid:
        raise InvalidAnswer(wrong[:300])
    if is_foreign(" ".join({f"{item.title} {item.summary}": None for item in valid.values()}), language):
        raise InvalidAnswer(f"title and summary are not in the language to answer in ({language})")
    return valid


def _is_of_another(item: Item, number: int, views: Sequence[MessageView]) -> bool:
    given = [
        *(each.quote for each in item.evidence),
        *(each.quote for each in item.action_items),
        *(each.quote for each in item.asks),
    ]
    quotes = [quote for quote in given if quote.strip()]
    own, *others = [views[number - 1], *views[: number - 1], *views[number:]]
    return not any(_says(own, quote) for quote in quotes) and any(
        _says(other, quote) for quote in quotes for other in others
    )


def _says(view: MessageView, quote: str) -> bool:
    return quote in view.text or quote in view.subject


def joined(view: MessageView, by_rules: Analysis, item: Item) -> Analysis:
    """Return the analysis of a message: what the model says and the message bears out, within the rules' bounds."""
    checked = _Checked(view)
    evidence = checked.evidence(item.evidence)
    entities = checked.entities(item.entities)
    lost = len(item.evidence) + len(item.entities) - len(evidence) - len(entities)
    injection = checked.verbatim(item.injection_quote) or by_rules.injection_quote
    doubt = LOST_CONFIDENCE ** min(lost, 10) * (0.5 if injection else 1.0)
    is_actionable = item.is_actionable and item.not_actionable_reason is None
    floor = by_rules.severity_floor
    return Analysis(
        is_actionable=is_actionable or floor is not None,
        not_actionable_reason=None if is_actionable or floor else item.not_actionable_reason or NotActionable.FYI,
        kind=item.kind,
        category_path=tuple(item.category.split(" / ")) if is_actionable or floor else (),
        severity=min(item.severity, floor or 5),
        severity_floor=floor,
        impact=item.impact,
        urgency=item.urgency,
        workaround=item.workaround,
        evidence=evidence,
        sentiment=item.sentiment,
        title=shorten(checked.plain(item.title), TITLE_LENGTH) or by_rules.title,
        summary=shorten(checked.plain(item.summary), SUMMARY_LENGTH) or by_rules.summary,
        entities=entities,
        action_items=checked.actions(item.action_items),
        asks=tuple(
            Ask(type=each.type, quote=each.quote) for each in item.asks[:MAX_PARTS] if checked.verbatim(each.quote)
        ),
        language=item.language if _LANGUAGE.fullmatch(item.language) else by_rules.language,
        pii=by_rules.pii,
        injection_suspected=bool(injection) or item.injection_suspected or by_rules.injection_suspected,
        injection_quote=injection[:500],
        confidence={name: round(value * doubt, 3) for name, value in item.confidence.items() if name in _RATED},
        given={name: round(value, 3) for name, value in item.confidence.items() if name in _RATED},
    )


_RATED = ("is_actionable", "kind", "category", "severity", "sentiment")


class _Checked:
    """A message that answers are held against."""

    def __init__(self, view: MessageView) -> None:
        self._text = view.text
        self._whole = f"{view.subject}\n{view.text}"
        self._addresses = addresses_in(self._whole)

    def verbatim(self, quote: str) -> str:
        """Return a quote that is in the message letter by letter, else ''."""
        return quote if quote.strip() and quote in self._whole else ""

    def plain(self, text: str) -> str:
        """Return a text as one line without markup, and without addresses that the message does not have."""
        return plain(text, self._addresses)

    def evidence(self, given: Sequence[_Quoted]) -> tuple[Evidence, ...]:
        """Return the quotes that are in the text, with their places."""
        places = {(each.field, each.quote): self._text.find(each.quote) for each in given if each.quote.strip()}
        return tuple(
            Evidence(field=field[:40], quote=quote, start=start, end=start + len(quote))
            for (field, quote), start in list(places.items())[:MAX_PARTS]
            if start >= 0
        )

    def entities(self, given: Sequence[_GivenEntity]) -> tuple[Entity, ...]:
        """Return the things that the message names."""
        named = dict.fromkeys((each.type, each.value) for each in given if self.verbatim(each.value))
        return tuple(Entity(type=kind, value=value[:300]) for kind, value in list(named)[: 2 * MAX_PARTS + 6])

    def actions(self, given: Sequence[_GivenAction]) -> tuple[ActionItem, ...]:
        """Return what is to be done, where a sentence of the message says so."""
        return tuple(
            ActionItem(
                text=shorten(self.plain(each.text), 200),
                owner_hint=self.verbatim(each.owner_hint)[:100],
                due=self.verbatim(each.due)[:100],
                quote=each.quote[:500],
            )
            for each in given[:MAX_PARTS]
            if self.verbatim(each.quote) and self.plain(each.text)
        )
