"""Forms of lines: which words of a line vary, learnt from lines that are alike, whatever the language.

Two lines are of one form when they have the same fixed words (states, severities, words in capitals, masked values) in
the same order, and share at least half of their other words in order. Between those words are slots. A slot holds a
value once `DISTINCT` different contents were seen there among the last `WINDOW` new lines of the form: a name, a title,
a service, of one word or of several. A slot that takes few contents ("logged in", "logged out") stays what it says, and
so does a first or last word of its contents that repeats ("NAME gestartet", "NAME gestoppt").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

DISTINCT = 6
"""Different contents of a slot after which it holds a value; `DISTINCT_AFTER_CUE` where a word announces a name."""
DISTINCT_AFTER_CUE = 3
WINDOW = 10
"""New lines of a form among which they are to be seen: words of a closed list repeat."""
LONGEST = 6
"""Words of a content: what is longer is text that somebody reads, not a value."""
MOST_DIFFERENCES = 3
"""Slots at which a line may differ from a form, besides those that hold values."""
MOST_FORMS = 24
"""Forms that share their fixed words; the one not met for longest gives way."""

Word = tuple[str, bool]
"""Digest of a word, and whether it is fixed."""


@dataclass(slots=True)
class Slot:
    """What was seen between two words of a form."""

    contents: list[list[str]] = field(default_factory=list)
    lines: int = 0
    is_value: bool = False
    keeps: list[int] = field(default_factory=lambda: [0, 0])
    """Words that stay at the begin and at the end of a value."""

    def see(self, content: list[str], *, announced: bool) -> None:
        """Count a content; the slot may come to hold a value, and a word that stayed to be of it."""
        if self.is_value and not any(self.keeps):
            return
        if self.lines >= WINDOW:
            self.contents, self.lines = self.contents[-1:], 1
        self.lines += 1
        if content not in self.contents:
            self.contents.append(content)
        single = all(len(each) == 1 for each in self.contents)
        if not content or len(self.contents) < (DISTINCT_AFTER_CUE if announced and single else DISTINCT):
            return
        self.keeps = [
            int((kept or not self.is_value) and _is_of_a_list(self.contents, edge))
            for kept, edge in zip(self.keeps, (0, -1), strict=True)
        ]
        self.is_value = True
        if not any(self.keeps):
            self.contents = []


def _is_of_a_list(contents: list[list[str]], edge: int) -> bool:
    """Tell whether the first (0) or last (-1) words of contents of several words repeat, as names hardly do."""
    words = [content[edge] for content in contents if len(content) > 1]
    return len(words) > 1 and len(set(words)) <= max(1, len(words) - 2)


@dataclass(slots=True)
class Form:
    """Words that all lines of a form have, in order, and the slots before, between and after them."""

    words: list[str]
    slots: list[Slot]

    def dump(self) -> list[Any]:
        """Return it as JSON has it."""
        slots = [
            [place, slot.is_value, slot.lines, slot.contents, slot.keeps]
            for place, slot in enumerate(self.slots)
            if slot.is_value or slot.contents
        ]
        return [self.words, slots]

    @classmethod
    def load(cls, content: list[Any]) -> Form:
        """Return the form that `dump` gave."""
        words, kept = content
        form = cls(list(words), [Slot() for _ in range(len(words) + 1)])
        for place, is_value, lines, contents, keeps in kept:
            form.slots[place] = Slot([list(each) for each in contents], lines, is_value, list(keeps))
        return form


@dataclass(frozen=True, slots=True)
class Match:
    """How a line fits a form: pairs of places of equal words, first of the form, then of the line."""

    form: Form
    pairs: list[tuple[int, int]]


def learn(
    known: list[Any], line: Sequence[Word], announced: Callable[[int], bool], may_name: Callable[[int], bool]
) -> tuple[list[Any], list[range]]:
    """Return the forms with the line learnt, and the places of the line that hold values.

    `known` are forms that share the line's fixed words; `announced` tells of a place whether a word before it is one
    that announces a name, `may_name` whether the word there may be one: a word alone that may not is what a line says.
    """
    forms = [Form.load(content) for content in known]
    words = [word for word, _ in line]
    matches = [match for form in forms if (match := _match(form, line, words))]
    if not matches:
        forms.append(Form(words, [Slot() for _ in range(len(words) + 1)]))
        return [form.dump() for form in forms[-MOST_FORMS:]], []
    best = max(matches, key=lambda match: len(match.pairs))
    forms.remove(best.form)
    merged, values = _merged(best, words, announced, may_name)
    forms.append(merged)
    return [form.dump() for form in forms], values


def _match(form: Form, line: Sequence[Word], words: list[str]) -> Match | None:
    """Return how a line fits a form; None when it does not."""
    common = len(set(form.words) & set(words))
    if 2 * common < len(set(form.words)):
        return None
    pairs = _aligned(form.words, line)
    if not _is_alike(form, line, pairs):
        return None
    return Match(form, pairs)


def _is_alike(form: Form, line: Sequence[Word], pairs: list[tuple[int, int]]) -> bool:
    kept = len(pairs)
    different = differing = 0
    for (before, left), (after, right) in pairwise([(-1, -1), *pairs, (len(form.words), len(line))]):
        content = right - left - 1
        dropped = after - before - 1
        slots = form.slots[before + 1 : after + 1]
        if content > LONGEST:
            return False
        if any(slot.is_value for slot in slots):
            if dropped or not content:
                return False
            continue
        if content or dropped:
            differing += max(content, dropped)
            different += 1
    said = sum(1 for _, place in pairs if not line[place][1]) + sum(1 for _, fixed in line if fixed) / 2
    return kept >= 2 and said >= 2 and different <= MOST_DIFFERENCES and 3 * kept >= 2 * differing


def _merged(
    match: Match, words: list[str], announced: Callable[[int], bool], may_name: Callable[[int], bool]
) -> tuple[Form, list[range]]:
    """Return the form with the line seen, and the places of the line that hold values."""
    form = match.form
    slots: list[Slot] = []
    values: list[range] = []
    for (before, left), (after, right) in pairwise([(-1, -1), *match.pairs, (len(form.words), len(words))]):
        slot = _joined(form.slots[before + 1 : after + 1], form.words[before + 1 : after])
        content = words[left + 1 : right]
        if content or slot.contents:
            slot.contents = slot.contents or [[]]
            slot.lines = max(slot.lines, 1)
            slot.see(content, announced=announced(left + 1))
        says = len(content) == 1 and not may_name(left + 1)
        if slot.is_value and len(content) > sum(slot.keeps) and not says:
            values.append(range(left + 1 + slot.keeps[0], right - slot.keeps[1]))
        slots.append(slot)
    return Form([words[place] for _, place in match.pairs], slots), values


def _joined(slots: list[Slot], between: list[str]) -> Slot:
    """Return one slot for several and for the words between them that are no more of the form."""
    joined = slots[0]
    for slot, word in zip(slots[1:], between, strict=True):
        seen = max(len(joined.contents), len(slot.contents), 1)
        contents = [[*_at(joined, number), word, *_at(slot, number)] for number in range(seen)]
        joined = Slot(contents, max(joined.lines, slot.lines, 1))
    return joined


def _at(slot: Slot, number: int) -> list[str]:
    return slot.contents[number] if number < len(slot.contents) else []


def _aligned(form: list[str], line: Sequence[Word]) -> list[tuple[int, int]]:
    """Return the places of the longest common subsequence; fixed words meet fixed words only, in their order."""
    fixed = [place for place, (_, is_fixed) in enumerate(line) if is_fixed]
    pairs: list[tuple[int, int]] = []
    start = begin = 0
    for place in [*fixed, len(line)]:
        end = form.index(line[place][0], start) if place < len(line) else len(form)
        pairs += _common(form, line, start, end, begin, place)
        if place < len(line):
            pairs.append((end, place))
        start, begin = end + 1, place + 1
    return pairs


def _common(
    form: list[str], line: Sequence[Word], start: int, end: int, begin: int, stop: int
) -> list[tuple[int, int]]:
    """Return the longest common subsequence of two stretches: their equal ends, and between them by a table."""
    head: list[tuple[int, int]] = []
    tail: list[tuple[int, int]] = []
    while start < end and begin < stop and form[start] == line[begin][0]:
        head.append((start, begin))
        start, begin = start + 1, begin + 1
    while start < end and begin < stop and form[end - 1] == line[stop - 1][0]:
        end, stop = end - 1, stop - 1
        tail.append((end, stop))
    lengths = [[0] * (stop - begin + 1) for _ in range(end - start + 1)]
    for row in range(end - start - 1, -1, -1):
        for column in range(stop - begin - 1, -1, -1):
            lengths[row][column] = (
                1 + lengths[row + 1][column + 1]
                if form[start + row] == line[begin + column][0]
                else max(lengths[row + 1][column], lengths[row][column + 1])
            )
    row = column = 0
    while row < end - start and column < stop - begin:
        if form[start + row] == line[begin + column][0]:
            head.append((start + row, begin + column))
            row, column = row + 1, column + 1
        elif lengths[row + 1][column] >= lengths[row][column + 1]:
            row += 1
        else:
            column += 1
    return head + tail[::-1]
