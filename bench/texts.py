"""Messages to measure with: made from the sentences of the shipped sample, by seed, as many as wanted.

A problem is a handful of the sample's sentences with some of their words made its own; a message is a few of these
sentences with words changed, dropped and numbers put in. They are no test of quality: they have the vocabulary, the
lengths and the repetition of people's messages.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from opsintel.connectors.contract import Upsert
from opsintel.connectors.detect import detect_kind
from opsintel.connectors.registry import connector_class
from opsintel.errors import ItemError
from opsintel.events.message import CanonicalMessage
from opsintel.sample.shift import COMPANIES, FILES
from opsintel_pipeline.normalize.parse import NormalizeContext, parse_payload

SENTENCES_OF_A_PROBLEM = 14
OWN_WORDS = 8
CHANGED, DROPPED, NUMBERED = 0.08, 0.05, 0.02
LANGUAGES = {"en": 8, "de": 1, "es": 1}
"""How often a problem is in each language of the sample."""

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_WORD = re.compile(r"[^\W\d_]{4,}")
_SYLLABLES = ("ba", "dor", "fel", "gri", "hum", "jak", "kel", "lin", "mos", "nur", "pra", "rit", "sol", "tem", "vek")


@dataclass(frozen=True, slots=True)
class Text:
    """A message as people write it, the problem it is about, and its language."""

    problem: int
    language: str
    subject: str
    body: str


@cache
def sample_messages() -> tuple[CanonicalMessage, ...]:
    """Return every message of the shipped sample, normalised."""
    folder = Path(str(resources.files("opsintel.sample")))
    found = []
    for company in COMPANIES:
        for name in FILES:
            found += list(_messages_of(folder / company / name))
    return tuple(found)


def texts(count: int, problems: int, seed: int = 0) -> Iterator[Text]:
    """Yield so many messages over so many problems, a few of which are far more frequent than the others."""
    chance = random.Random(seed)
    pools = [_problem(random.Random(f"{seed}/{number}")) for number in range(problems)]
    weights = [1 / (number + 3) for number in range(problems)]
    for number in chance.choices(range(problems), weights, k=count):
        language, words, sentences = pools[number]
        chosen = [_varied(sentence, words, chance) for sentence in chance.sample(sentences, chance.randint(2, 5))]
        yield Text(number, language, " ".join(chosen[0].split()[:9]).rstrip(".,!?"), " ".join(chosen))


@cache
def _material(language: str) -> tuple[list[str], list[str]]:
    """Return the sentences of a language, and its words as often as they occur."""
    sentences = {
        part.strip()
        for message in sample_messages()
        if message.language == language and message.automatic is None
        for part in _SENTENCE.split(message.text)
        if len(part.split()) >= 4
    }
    words = Counter(word for sentence in sentences for word in _WORD.findall(sentence.lower()))
    return sorted(sentences), sorted(words.elements())


def _problem(chance: random.Random) -> tuple[str, list[str], list[str]]:
    """Return the language of a problem, that language's words, and the problem's own sentences."""
    (language,) = chance.choices(list(LANGUAGES), list(LANGUAGES.values()))
    sentences, words = _material(language)
    chosen = chance.sample(sentences, SENTENCES_OF_A_PROBLEM)
    names = sorted({word for sentence in chosen for word in _WORD.findall(sentence) if len(word) > 5})
    own = {name: _made_up(chance) for name in chance.sample(names, min(OWN_WORDS, len(names)))}
    return language, words, [_WORD.sub(lambda found: own.get(found[0], found[0]), sentence) for sentence in chosen]


def _made_up(chance: random.Random) -> str:
    return "".join(chance.choices(_SYLLABLES, k=3))


def _varied(sentence: str, words: list[str], chance: random.Random) -> str:
    found = []
    for word in sentence.split():
        drawn = chance.random()
        if drawn < CHANGED:
            found.append(chance.choice(words))
        elif drawn < CHANGED + DROPPED:
            continue
        else:
            found.append(word)
        if chance.random() < NUMBERED:
            found.append(str(chance.randint(2, 99_999)))
    return " ".join(found)


def _messages_of(path: Path) -> Iterator[CanonicalMessage]:
    connector = connector_class(detect_kind(path))
    opened = connector(connector.manifest.config_model.model_validate({"path": str(path)}))
    for item in opened.read("messages", None):
        if isinstance(item, Upsert):
            try:
                yield parse_payload(item.payload, item.format, item.native_id, context=NormalizeContext())
            except ItemError:
                continue
