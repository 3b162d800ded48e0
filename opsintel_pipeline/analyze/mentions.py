"""What a message reports, and what it only mentions: "no outage", "the outage was fixed", "is there an outage?".

A mention is left out where a cue of its own sentence governs the word by its place: it denies or asks for that very
word, or says of it, with no clause between, that it is over. In doubt a word stands as what is reported.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from opsintel_pipeline.analyze.floors import floor_spans
from opsintel_pipeline.analyze.lexicon import Lexicon
from opsintel_pipeline.analyze.wording import sentences_of

_GRAVE = (("severity", "floor1"), ("severity", "floor2"), ("kind", "incident"))

_REACH = 48
"""Characters between a word and a cue that may govern it."""

_END = re.compile(r"\s*(?:$|[.,;:!?)–—])")
_COLON = re.compile(r"\s*:")


def reported(lexicon: Lexicon, text: str) -> str:
    """Return a text with blanks for the grave words that it only mentions; all else stays in its place."""
    if not _grave(lexicon, text):
        return text
    pieces, end = [], 0
    for start, sentence in sentences_of(text):
        spans = _grave(lexicon, sentence)
        if not spans:
            continue
        cues = _Cues.of(lexicon, sentence)
        for first, last in spans:
            if start + first >= end and cues.only_mention(first, last):
                pieces += [text[end : start + first], " " * (last - first)]
                end = start + last
    return "".join([*pieces, text[end:]])


def _grave(lexicon: Lexicon, text: str) -> list[tuple[int, int]]:
    """Return where the grave words of a text stand, in order; of those that begin at one place the longest is first."""
    spans = {match.span() for group, label in _GRAVE for match in lexicon.groups[group][label].finditer(text)}
    spans |= {span for found in floor_spans(text).values() for span in found}
    return sorted(spans, key=lambda span: (span[0], -span[1]))


@dataclass(frozen=True)
class _Cues:
    """The cues of one sentence, found once: by label where they begin and end, in order."""

    lexicon: Lexicon
    sentence: str
    begins: dict[str, list[int]]
    ends: dict[str, list[int]]

    @classmethod
    def of(cls, lexicon: Lexicon, sentence: str) -> _Cues:
        found = lexicon.found("mention", sentence)
        begins = {label: [match.start() for match in matches] for label, matches in found.items()}
        return cls(lexicon, sentence, begins, {label: [match.end() for match in found[label]] for label in found})

    def only_mention(self, first: int, last: int) -> bool:
        """Tell whether the word from `first` to `last` is only mentioned."""
        return (
            (not self._has("claimed") and (self._is_denied(first, last) or self._is_over(last)))
            or self._is_aside(first, last)
            or (self._is_question() and self._is_asked(first))
        )

    def _is_denied(self, first: int, last: int) -> bool:
        if self._before("earlier", first, "") is not None:
            return True
        denied = self._before("denied", first, "")
        if denied is None or self._before("double", denied, "") is not None:
            return False
        if self._after("exercise", last, "") is not None:  # "this is no outage drill"
            return False
        return not self._follows("compared", last)

    def _is_over(self, last: int) -> bool:
        over, ended = self._after("over", last, "linking"), self._after("ended", last, "linking")
        said = over if over is not None else ended
        if said is None or (over is None and not _END.match(self.sentence, said)):
            return False
        return not self._has("goes_on")

    def _is_aside(self, first: int, last: int) -> bool:
        aside = self._after("aside", last, "")
        if aside is not None:
            is_heading = first == 0 and aside == len(self.sentence)
            return not is_heading and not _COLON.match(self.sentence, aside)
        is_exercise = self._after("exercise", last, "") is not None and self._before("denied", first, "") is None
        exercise = self._before("exercise", first, "linking")
        return is_exercise or (exercise is not None and self._is_of(exercise, first))

    def _is_of(self, exercise: int, first: int) -> bool:
        """Tell whether an exercise is that of the word: "drill of an outage", and not "no drill of an outage"."""
        return first - exercise > 1 and self._before("denied", exercise, "") is None

    def _is_question(self) -> bool:
        return self.sentence.rstrip(" \"')»”").endswith("?")

    def _is_asked(self, first: int) -> bool:
        if self._before("conditional", first, "qualifier") is not None:
            return True
        asked = self._before("asked", first, "qualifier")
        return (
            asked is not None and re.search(r"(?:^|[^\w\s]\s?)$", self.sentence[max(0, asked - 3) : asked]) is not None
        )

    def _before(self, label: str, first: int, between: str) -> int | None:
        """Return where the last cue before a place begins, if only words of the label `between` stand between."""
        place = bisect_right(self.ends.get(label, []), first) - 1
        if place < 0 or not self._is_near(self.ends[label][place], first, between):
            return None
        return self.begins[label][place]

    def _after(self, label: str, last: int, between: str) -> int | None:
        """Return where the first cue after a place ends, if only words of the label `between` stand between."""
        place = bisect_left(self.begins.get(label, []), last)
        if place == len(self.begins.get(label, [])) or not self._is_near(last, self.begins[label][place], between):
            return None
        return self.ends[label][place]

    def _is_near(self, end: int, begin: int, between: str) -> bool:
        if begin - end > _REACH:
            return False
        words = self.sentence[end:begin]
        if between:
            words = self.lexicon.groups["mention"][between].sub("", words)
        return not words.strip(" \t\u00a0-")

    def _has(self, label: str) -> bool:
        return label in self.begins

    def _follows(self, label: str, last: int) -> bool:
        begins = self.begins.get(label, [])
        return bisect_left(begins, last) < len(begins)
