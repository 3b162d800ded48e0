"""Made variations of texts of people: those that say the same, and those in which one word says something else."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping

NAMES = ("Anna", "Mr. Okafor", "Ms Weber", "Tom", "Mia Jensen", "team", "Priya")
GREETINGS = ("Hi {},", "Hello {}!", "Dear {},\n", "Good morning {},", "Hey {} -")
CLOSINGS = ("Thanks,\n{}", "Best regards\n{}", "Kind regards, {}", "Many thanks!", "Cheers,\n{}.")

Change = Callable[[str, random.Random], str | None]


def _framed(text: str, chance: random.Random) -> str:
    name, other = chance.choice(NAMES), chance.choice(NAMES[:-2])
    greeting, closing = chance.choice(GREETINGS).format(name), chance.choice(CLOSINGS).format(other)
    mark = "" if text.rstrip()[-1:] in ".!?" else "."
    return f"{greeting} {text}{mark}\n{closing}"


def _numbered(text: str, chance: random.Random) -> str:
    return f"{text} My order number is {chance.randrange(10_000, 9_999_999)}."


def _addressed(text: str, chance: random.Random) -> str:
    return f"{text} Write to me at {chance.choice(NAMES[3:4])}{chance.randrange(99)}@example.org."


def _cased(text: str, chance: random.Random) -> str:
    del chance
    return f"  {text[:1].swapcase()}{text[1:]}".replace(" ", "  ", 1)


def _asked(text: str, chance: random.Random) -> str:
    del chance
    return f"Please, {text[:1].lower()}{text[1:]}"


SAME: Mapping[str, Change] = {
    "greeting, name and closing": _framed,
    "number of an order": _numbered,
    "address of a person": _addressed,
    "case and spaces": _cased,
    "a word of courtesy": _asked,
}
"""Changes that change nothing; the second and third are of a text that has such a sentence already."""

_VERB = re.compile(r"\b(is|was|are|were|can|could|do|does|did|have|has|will|would|should)\b(?! not| n['’]t)", re.I)
_SWAPS = (
    ("slow", "down"), ("late", "lost"), ("declined", "accepted"), ("charged", "refunded"), ("card", "account"),
    ("increase", "decrease"), ("activate", "deactivate"), ("before", "after"), ("lost", "found"), ("open", "close"),
    ("can", "cannot"), ("up", "down"), ("send", "receive"), ("add", "remove"), ("from", "to"), ("all", "some"),
)  # fmt: skip


def _negated(text: str, chance: random.Random) -> str | None:
    del chance
    changed = _VERB.sub(r"\1 not", text, count=1)
    return changed if changed != text else None


def _swapped(text: str, chance: random.Random) -> str | None:
    pairs = [pair for pair in _SWAPS if re.search(rf"\b{pair[0]}\b", text, re.I)]
    if not pairs:
        return None
    old, new = chance.choice(pairs)
    return re.sub(rf"\b{old}\b", new, text, count=1, flags=re.I)


def _counted(text: str, chance: random.Random) -> str | None:
    number = re.search(r"(?<!\w)\d+(?!\w)", text)
    return None if number is None else f"{text[: number.start()]}{int(number[0]) + 7}{text[number.end() :]}"


def _priced(text: str, chance: random.Random) -> str:
    return f"{text} It is about {chance.randrange(10, 99)}00 EUR."


def _worsened(text: str, chance: random.Random) -> str:
    return f"{text} {chance.choice(('All our data is lost.', 'Nobody can work.', 'It is an emergency.'))}"


def _named(text: str, chance: random.Random) -> str:
    product = chance.choice(("Falcon", "Meridian", "Atlas"))
    return f"{product} is what I mean. {text}"


def _questioned(text: str, chance: random.Random) -> str | None:
    del chance
    return f"{text.rstrip()[:-1]}." if text.rstrip().endswith("?") else f"{text.rstrip().rstrip('.!')}?"


OTHER: Mapping[str, Change] = {
    "a negation": _negated,
    "another word": _swapped,
    "another count": _counted,
    "another amount": _priced,
    "a severity": _worsened,
    "a product": _named,
    "a question": _questioned,
}
"""Changes that make another message of it."""


def same_pairs(texts: list[str], seed: int = 0) -> Iterator[tuple[str, str, str]]:
    """Yield (change, text, the same in other words)."""
    chance = random.Random(seed)  # noqa: S311
    for text in texts:
        for name, change in SAME.items():
            first = change(text, chance) if change in (_numbered, _addressed) else text
            second = change(text, chance)
            assert first is not None
            assert second is not None
            yield name, first, second


def other_pairs(texts: list[str], seed: int = 0) -> Iterator[tuple[str, str, str]]:
    """Yield (change, text, another message in nearly the same words)."""
    chance = random.Random(seed)  # noqa: S311
    for text in texts:
        for name, change in OTHER.items():
            first = _priced(text, chance) if change is _priced else text
            second = change(text, chance)
            while second == first:
                second = change(text, chance)
            if second is not None:
                yield name, first, second
