"""The built-in analysis but for its category (built_in.py): by rules and word lists, with no model and no key.

It is deterministic and costs nothing. Its severity has a floor from words such as "outage"; nothing a text says can
lower the severity below that floor.
"""

from __future__ import annotations

import re

from opsintel_pipeline.analyze.floors import floor_phrases
from opsintel_pipeline.analyze.lexicon import Lexicon, lexicon_for
from opsintel_pipeline.analyze.mentions import reported
from opsintel_pipeline.analyze.message import MessageView
from opsintel_pipeline.analyze.patterns import entities_in, injection_in, personal_data_in
from opsintel_pipeline.analyze.profile import (
    SENTIMENTS,
    ActionItem,
    Analysis,
    Ask,
    Evidence,
    Impact,
    NotActionable,
    RequestKind,
    Sentiment,
    Urgency,
)
from opsintel_pipeline.analyze.wording import sentences_of, summary_of, title_of

MODEL = "rules-5"
MAX_CHARACTERS = 20_000
MAX_SUBJECT = 1_000
THANKS_WORDS = 45
AWAY_WORDS = 60
SPAM_HINTS = 2
MAX_EVIDENCE = 12

_BY_CLASS = {
    "auto_reply": NotActionable.AUTO_REPLY,
    "bounce": NotActionable.AUTO_REPLY,
    "delivery_report": NotActionable.AUTO_REPLY,
    "newsletter": NotActionable.NEWSLETTER,
    "mailing_list": NotActionable.NEWSLETTER,
    "notification": NotActionable.FYI,
    "bot": NotActionable.FYI,
}

_PRIORITY_SEVERITY = {"urgent": 2, "critical": 2, "highest": 2, "high": 3, "normal": 4, "medium": 4, "low": 5}
_KIND_SEVERITY = {
    RequestKind.INCIDENT: 3,
    RequestKind.SECURITY: 2,
    RequestKind.LEGAL: 3,
    RequestKind.CHURN_RISK: 3,
    RequestKind.BUG_REPORT: 4,
    RequestKind.COMPLAINT: 4,
    RequestKind.BILLING: 4,
    RequestKind.HELP: 4,
    RequestKind.REQUEST: 5,
    RequestKind.QUESTION: 5,
    RequestKind.PRAISE: 5,
    RequestKind.OTHER: 5,
}
_KIND_WEIGHT = {
    RequestKind.SECURITY: 6.0,
    RequestKind.LEGAL: 4.0,
    RequestKind.INCIDENT: 2.5,
    RequestKind.CHURN_RISK: 2.5,
    RequestKind.BILLING: 1.6,
    RequestKind.BUG_REPORT: 1.5,
    RequestKind.COMPLAINT: 1.4,
    RequestKind.REQUEST: 1.0,
    RequestKind.HELP: 0.9,
    RequestKind.QUESTION: 0.8,
    RequestKind.PRAISE: 1.0,
}
_PROBLEM_KINDS = frozenset(_KIND_WEIGHT) - {RequestKind.PRAISE, RequestKind.QUESTION}
_BAD_NEWS = frozenset(
    {RequestKind.INCIDENT, RequestKind.BUG_REPORT, RequestKind.COMPLAINT, RequestKind.CHURN_RISK, RequestKind.SECURITY}
)
"""Kinds of which nobody writes gladly, whatever the words."""

_SPEAKS_ILL = frozenset({"negative", "very_negative"})
_SENTIMENT_WEIGHT = {"very_negative": -2.0, "negative": -0.8, "positive": 0.8, "very_positive": 2.0}


def analyze(message: MessageView) -> Analysis:
    """Return the default profile's analysis of one message; the same message gives the same analysis."""
    text = message.text[:MAX_CHARACTERS]
    whole = f"{message.subject[:MAX_SUBJECT]}\n{text}"
    lexicon = lexicon_for(message.language)
    sentences = sentences_of(text)
    said = reported(lexicon, whole)
    kind, kind_quotes, kind_score = _kind(lexicon, said)
    floor, floor_quotes = (None, []) if message.direction == "outbound" else _floor(lexicon, said)
    reason = _not_actionable(message, lexicon, whole, kind, has_floor=floor is not None)
    injection = injection_in(whole)
    severity, raising = (5, []) if reason else _severity(lexicon, said, kind, message.priority)
    severity_quotes = floor_quotes + raising
    return Analysis(
        is_actionable=reason is None,
        not_actionable_reason=reason,
        kind=kind if reason is None or kind is RequestKind.PRAISE else RequestKind.OTHER,
        category_path=(),
        severity=min(severity, floor or 5),
        severity_floor=floor,
        impact=_impact(lexicon, whole),
        urgency=_urgency(lexicon, whole),
        workaround=bool(lexicon.found("workaround", whole)),
        evidence=_evidence(text, {"kind": kind_quotes, "severity": severity_quotes}) if reason is None else (),
        sentiment=_sentiment(lexicon, whole, kind),
        title=title_of(message.subject, sentences),
        summary=summary_of(sentences),
        entities=entities_in(whole),
        action_items=_action_items(lexicon, sentences) if reason is None else (),
        asks=_asks(lexicon, text) if reason is None else (),
        language=message.language,
        pii=personal_data_in(whole),
        injection_suspected=bool(injection),
        injection_quote=injection,
        confidence=_confidence(reason, kind_score, text, injected=bool(injection)),
    )


def reason_of_sender(message: MessageView) -> NotActionable | None:
    """Return why nobody has to act on a message by its headers and its sender alone, whatever it says."""
    by_class = _BY_CLASS.get(message.automatic or "")
    return NotActionable.FYI if by_class is None and message.is_bot else by_class


def _not_actionable(
    message: MessageView, lexicon: Lexicon, whole: str, kind: RequestKind, *, has_floor: bool
) -> NotActionable | None:
    by_sender = reason_of_sender(message)
    if by_sender is not None:
        return by_sender
    if not whole.strip():
        return NotActionable.FYI
    if message.direction == "outbound":
        return NotActionable.INTERNAL
    if has_floor:  # what is said beside the worst takes none of it back
        return None
    found = lexicon.found("not_actionable", whole)
    if "away" in found and len(whole.split()) <= AWAY_WORDS:
        return NotActionable.AUTO_REPLY
    if _is_spam(found):
        return NotActionable.SPAM
    is_problem = kind in _PROBLEM_KINDS
    if _is_thanks(message, found, is_problem=is_problem):
        return NotActionable.THANKS
    if "fyi" in found and not is_problem:
        return NotActionable.FYI
    if not is_problem and message.kind == "chat" and (kind is RequestKind.OTHER or message.direction == "internal"):
        return NotActionable.INTERNAL
    return None


def _is_spam(found: dict[str, list[re.Match[str]]]) -> bool:
    """Tell whether a text sells or cheats: by one phrase that nobody with a problem uses, or several that few do."""
    hints = {match.group().lower() for match in found.get("spam_hint", [])}
    return "spam" in found or len(hints) >= SPAM_HINTS


def _is_thanks(message: MessageView, found: dict[str, list[re.Match[str]]], *, is_problem: bool) -> bool:
    """Tell whether a short text only thanks: it asks nothing, and what it names of a problem it says is over."""
    if "thanks" not in found or "?" in message.text or len(message.text.split()) > THANKS_WORDS:
        return False
    return not is_problem or ("resolved" in found and "still_open" not in found)


def _kind(lexicon: Lexicon, text: str) -> tuple[RequestKind, list[str], float]:
    scores: dict[RequestKind, float] = {}
    quotes: dict[RequestKind, list[str]] = {}
    for label, matches in lexicon.found("kind", text).items():
        kind = RequestKind(label)
        distinct = {match.group().lower() for match in matches}
        scores[kind] = _KIND_WEIGHT[kind] * (len(distinct) + 0.25 * min(4, len(matches) - len(distinct)))
        quotes[kind] = [match.group() for match in matches]
    if not scores:
        return _kind_by_form(lexicon, text), [], 0.0
    if RequestKind.PRAISE in scores and not _SPEAKS_ILL.isdisjoint(lexicon.found("sentiment", text)):
        # "Well done. You lost my file again."
        quotes.setdefault(RequestKind.COMPLAINT, quotes.pop(RequestKind.PRAISE))
        scores[RequestKind.COMPLAINT] = scores.get(RequestKind.COMPLAINT, 0) + scores.pop(RequestKind.PRAISE)
    best = max(scores, key=lambda kind: (scores[kind], -list(RequestKind).index(kind)))
    return best, quotes[best], scores[best] / sum(scores.values())


def _kind_by_form(lexicon: Lexicon, text: str) -> RequestKind:
    """Return what a text without a word of any kind is by its form: what asks for something, or asks."""
    if lexicon.found("action", text):
        return RequestKind.REQUEST
    return RequestKind.QUESTION if "?" in text else RequestKind.OTHER


def _floor(lexicon: Lexicon, said: str) -> tuple[int | None, list[str]]:
    """Return the floor of what a text reports, with the phrases that set it."""
    found, worst = lexicon.found("severity", said), floor_phrases(said)
    floor = 1 if "floor1" in found or "floor1" in worst else 2 if "floor2" in found or "floor2" in worst else None
    quotes = [match.group() for label in ("floor1", "floor2") for match in found.get(label, [])]
    return floor, quotes + [phrase for phrases in worst.values() for phrase in phrases]


def _severity(lexicon: Lexicon, text: str, kind: RequestKind, priority: str) -> tuple[int, list[str]]:
    """Return the severity without its floor, with the words that raise it."""
    found = lexicon.found("severity", text)
    severity = min(_KIND_SEVERITY[kind], _PRIORITY_SEVERITY.get(priority.lower(), 5))
    if "raise" in found:
        severity -= 1
    elif "lower" in found:
        severity += 1
    impact = lexicon.found("impact", text)
    if "all" in impact or "org" in impact:
        severity -= 1
    return max(2, min(5, severity)), [match.group() for match in found.get("raise", [])]


def _impact(lexicon: Lexicon, text: str) -> Impact:
    found = lexicon.found("impact", text)
    return "all" if "all" in found else "org" if "org" in found else "team" if "team" in found else "individual"


def _urgency(lexicon: Lexicon, text: str) -> Urgency:
    found = lexicon.found("urgency", text)
    return "now" if "now" in found else "today" if "today" in found else "week" if "week" in found else "none"


def _sentiment(lexicon: Lexicon, text: str, kind: RequestKind) -> Sentiment:
    found = lexicon.found("sentiment", text)
    if not found and kind in _BAD_NEWS:
        return "negative"
    score = sum(_SENTIMENT_WEIGHT[label] * min(3, len(matches)) for label, matches in found.items())
    step = 0 if abs(score) < 0.7 else (1 if abs(score) < 2.5 else 2)
    return SENTIMENTS[2 + (step if score > 0 else -step)]


def _evidence(text: str, quotes: dict[str, list[str]]) -> tuple[Evidence, ...]:
    evidence = []
    for field, found in quotes.items():
        for quote in list(dict.fromkeys(found))[: 2 * MAX_EVIDENCE]:
            start = text.find(quote)
            if start >= 0:
                evidence.append(Evidence(field=field, quote=quote, start=start, end=start + len(quote)))
    return tuple(evidence[:MAX_EVIDENCE])


def _action_items(lexicon: Lexicon, sentences: list[tuple[int, str]]) -> tuple[ActionItem, ...]:
    cued = [sentence for _, sentence in sentences if lexicon.found("action", sentence)]
    return tuple(
        ActionItem(
            text=" ".join(sentence.split())[:200],
            due=next((m.group() for ms in lexicon.found("urgency", sentence).values() for m in ms), ""),
            quote=sentence[:200],
        )
        for sentence in cued[:5]
    )


def _asks(lexicon: Lexicon, text: str) -> tuple[Ask, ...]:
    return tuple(
        Ask.model_validate({"type": label, "quote": matches[0].group()})
        for label, matches in lexicon.found("ask", text).items()
    )


def _confidence(reason: NotActionable | None, kind_score: float, text: str, *, injected: bool) -> dict[str, float]:
    doubt = 0.5 if injected else 1.0
    short = min(1.0, 0.5 + len(text.split()) / 40)
    return {
        "is_actionable": round((0.75 if reason else 0.7) * short * doubt, 3),
        "kind": round((0.35 + 0.5 * kind_score) * short * doubt, 3),
        "severity": round(0.55 * short * doubt, 3),
        "sentiment": round(0.6 * short * doubt, 3),
    }
