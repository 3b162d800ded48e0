"""Titles of issues: the phrase its members share that is least common elsewhere, else the most typical member's own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np

from opsintel.embeddings.embedder import Vectors

LEAST_COVERAGE = 0.3
LEAST_OWN_SHARE = 0.6
"""Share of all headlines with a phrase that must be an issue's own, or the phrase would name other issues as well."""
LONGEST_PHRASE = 5
MAX_TEXTS = 200
TITLE_LENGTH = 80

_WORD = re.compile(r"[^\W\d_][\w'’-]*|\d[\w.,]*|[.,;:!?()…\n]")
_PRIVATE = re.compile(r"\S+@\S+|https?://\S+|<[^>]*>|\b(?=[\w-]*\d)[\w-]{5,}")
_OMITTED = "…"
_STOP = frozenset(
    word
    for line in resources.files(__package__).joinpath("stopwords.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
    for word in line.split()
)


@dataclass(frozen=True, slots=True)
class Title:
    """A title, who made it, which member is most typical, and the share of members that have the phrase."""

    text: str
    method: str
    example: int
    coverage: float


def title_for(headlines: Sequence[str], vectors: Vectors, background: Counter[str], total: int) -> Title:
    """Return the title of an issue from its members' headlines, in the order of `vectors` (their unit vectors).

    `background` counts, over `total` headlines of the tenant, in how many each phrase occurs. The example is the
    member nearest to the centroid.
    """
    centroid = vectors.mean(axis=0)
    nearness = vectors @ centroid
    example = int(nearness.argmax())
    counts: Counter[str] = Counter()
    spelling: dict[str, Counter[str]] = {}
    for headline in headlines[:MAX_TEXTS]:
        for phrase, written in dict(phrases_of(headline)).items():
            counts[phrase] += 1
            spelling.setdefault(phrase, Counter())[written] += 1
    members = min(len(headlines), MAX_TEXTS)
    own = [
        phrase
        for phrase, count in counts.items()
        if " " in phrase and count >= max(2, LEAST_COVERAGE * members, LEAST_OWN_SHARE * background[phrase])
    ]
    best = max(own, key=lambda p: (_score(p, counts[p] / members, background[p] / max(1, total)), p), default="")
    if best:
        coverage = counts[best] / members
        written = spelling[best].most_common(1)[0][0]
        return Title(as_title(written), "phrase", example, round(coverage, 3))
    return Title(as_title(redacted(headlines[example])) or "Untitled", "medoid", example, 0.0)


def phrases_of(headline: str) -> Iterator[tuple[str, str]]:
    """Yield (lower case, as written) for each phrase of a headline: 1 to 5 words, no stop word at either end."""
    words = [match.group() for match in _WORD.finditer(redacted(headline)[:300])]
    for start in range(len(words)):
        for length in range(1, LONGEST_PHRASE + 1):
            part = words[start : start + length]
            if len(part) < length or not part[-1][0].isalpha():
                break
            if part[0].lower() in _STOP or part[-1].lower() in _STOP or not part[0][0].isalpha():
                continue
            yield " ".join(part).lower(), " ".join(part)


def redacted(text: str) -> str:
    """Return a headline with addresses, links, long numbers and codes left out: they may name a person or an order."""
    return " ".join(_PRIVATE.sub(_OMITTED, text).split())


def _score(phrase: str, coverage: float, common: float) -> float:
    words = phrase.count(" ") + 1
    return float(coverage * np.sqrt(words) * np.log(1 + coverage / (common + 0.002)))


def as_title(text: str) -> str:
    """Return a text as a title: without what separates at its ends, at most 80 characters, a capital first."""
    text = text.strip(" -–:;,.…#")
    if len(text) > TITLE_LENGTH:
        text = text[: TITLE_LENGTH - 1].rsplit(" ", 1)[0] + "…"
    return text[:1].upper() + text[1:]
