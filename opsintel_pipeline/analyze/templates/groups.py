"""Which messages of a tenant share one analysis: on-line, in order of arrival, with a state of bounded size.

A line's group is decided by the lines before it alone. Lines that are equal after masking share a group. What masks
leave is compared word by word: a word after a preposition or the name of a thing ("for user NAME", "from HOST") counts
as a value once the same line has been seen with `DISTINCT` different words there. Words of severity, state and
negation, words in capitals and participles never do, nor does any word of a text in which a person speaks.
The parse trees of Drain (He et al., 2017) and Spell (Du and Li, 2016) merge by likeness instead: they put "started" and
"paused" into one group, which is harmless for a count of lines and wrong for an analysis.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from opsintel.embeddings.concepts import thesaurus
from opsintel_pipeline.analyze.templates import forms
from opsintel_pipeline.analyze.templates.masks import VALUE, mask_values
from opsintel_pipeline.analyze.templates.meaning import CUES, MEANINGFUL, may_be_a_notice, speaks_of_a_person

DISTINCT = 3
"""Different words at one place of one line after which the place holds a value."""
MAX_CHARACTERS = 8_000
"""Of a text that can be of a template; a longer one is only ever equal to itself."""
MAX_WORDS = 120
"""Of a line whose words are compared; a longer one is only masked."""
VERSION = 3
"""Raised when masks or groups change: keys of two versions never meet."""
CAPACITY = 20_000
"""Places and known lines kept for a tenant, each; the least lately used are forgotten."""

_WORD = re.compile(r"""[(\[{<"']*([A-Za-z][\w.$/-]*)""")
_PROGRAM = re.compile(r"[\w./-]+(?:\[\x00\])?:$")
_LETTERS = re.compile(r"[^\W\d_][\w'’-]*")
_NAMING = frozenset(
    ["to", "of", "order", "customer", "user", "von", "für", "bei", "de", "para", "pour", "benutzer", "kunde"]
)
"""Words before a name besides `CUES`: one does not count sooner for them."""
_NAME_FORM = re.compile(r"\d|\w[._/@]\w|[a-z][A-Z]")
_PARTICIPLE = re.compile(r"(?:ed|ing|ful|less|able|ible)$")
_NOTATION = re.compile(r"[:=_<>\[\]{}|#]")
_MACHINE_MARK = re.compile(r"[\x00:=_<>\[\]{}|#]")


@dataclass(slots=True)
class Groups:
    """The groups of one tenant. `key_of` learns; `dump` and `load` keep what was learnt between runs."""

    _known: OrderedDict[str, str] = field(default_factory=OrderedDict)
    _frames: OrderedDict[str, list[Any]] = field(default_factory=OrderedDict)
    """What was seen at the places of lines: of names, of forms, and of notices, each under keys of its own."""

    def key_of(self, text: str, *, by_machine: bool | None = None) -> str:
        """Return the key of the group that a text belongs to, 32 hexadecimal digits; the first of a key stands for all.

        `by_machine` says who writes; where that is not known (None) the text itself tells. A person's text shares a
        group only with texts that are equal but for white space.
        """
        if len(text) > MAX_CHARACTERS:
            return _digest("exact", text)
        person = speaks_of_a_person(text)
        exact = _digest("exact", " ".join(text.split()))
        notice = by_machine is None and person and may_be_a_notice(text)
        if by_machine is False or (by_machine is None and person and not notice):
            return exact
        line = mask_values(text)
        known = self._known.get(line_key := _digest("line", line))
        if known is None:
            generalised = self._generalised(line)
            if notice and generalised == line and not self._repeats(line, exact):
                return exact
            known = _digest("line", generalised)
        self._remember(line_key, known)
        return known

    def _repeats(self, line: str, exact: str) -> bool:
        """Tell whether a notice has come with `DISTINCT` different values, and count this one."""
        [seen] = self._frames.pop(key := _notice(line), [[]])
        if exact not in seen:
            seen = [*seen, exact][-DISTINCT:]
        self._frames[key] = [seen]
        _forget(self._frames)
        return len(seen) == DISTINCT

    def _generalised(self, line: str) -> str:
        """Return a line with `VALUE` for the words that vary at their places, its own words counted as seen there."""
        words, places = _names(line)
        values = self._of_form(line)
        if places:
            self._see_names(words, places)
        for value in reversed(values):
            words[value.start : value.stop] = [VALUE]
        return " ".join(words)

    def _of_form(self, line: str) -> list[range]:
        """Return the places of a line whose words are values in the lines of its form, which learns the line."""
        words = line.split(" ")
        if not _may_be_of_a_form(words):
            return []
        key = _form(marked := _marked(words))
        learnt, values = forms.learn(
            self._frames.pop(key, []),
            marked,
            lambda place: _is_announced(words, place),
            lambda place: _may_name(words, place),
        )
        self._frames[key] = learnt
        _forget(self._frames)
        return values

    def _see_names(self, words: list[str], places: dict[int, str]) -> None:
        """Put `VALUE` for the words that vary after words that announce a name, and count those of this line."""
        key = _frame(words, places)
        seen = self._frames.pop(key, None) or [[] for _ in places]
        self._frames[key] = seen
        _forget(self._frames)
        for (place, word), marks in zip(places.items(), seen, strict=True):
            mark = _digest("word", word)[:8]
            if mark not in marks and len(marks) < DISTINCT:
                marks.append(mark)
            if len(marks) == DISTINCT:
                words[place] = _named(words[place])

    def _remember(self, line_key: str, group: str) -> None:
        self._known.pop(line_key, None)
        self._known[line_key] = group
        _forget(self._known)

    def dump(self) -> bytes:
        """Return the state as JSON: digests only, no word of any message."""
        content = {"version": VERSION, "known": list(self._known.items()), "frames": list(self._frames.items())}
        return json.dumps(content, separators=(",", ":")).encode()

    @classmethod
    def load(cls, state: bytes) -> Groups:
        """Return the groups that `dump` gave; none when another version gave it."""
        content = json.loads(state)
        if content["version"] != VERSION:
            return cls()
        return cls(OrderedDict(content["known"]), OrderedDict(content["frames"]))


def needs(text: str) -> list[str]:
    """Return the keys of all that `key_of` reads and writes for a text whose writer is not known."""
    person = len(text) > MAX_CHARACTERS or speaks_of_a_person(text)
    if len(text) > MAX_CHARACTERS or (person and not may_be_a_notice(text)):
        return []
    line = mask_values(text)
    words, places = _names(line)
    form = [_form(_marked(words))] if _may_be_of_a_form(words) else []
    notice = [_notice(line)] if person else []
    return [_digest("line", line), *([_frame(words, places)] if places else []), *form, *notice]


def _names(line: str) -> tuple[list[str], dict[int, str]]:
    """Return the words of a line, and by their place those that may be names."""
    words = line.split(" ")
    if len(words) > MAX_WORDS or not _MACHINE_MARK.search(line):
        return words, {}
    return words, {place: word for place in range(1, len(words)) if (word := _name_at(words, place))}


def _frame(words: list[str], places: dict[int, str]) -> str:
    """Return the key of a line without what may be names."""
    frame = " ".join(_named(word) if place in places else word for place, word in enumerate(words))
    return _digest("frame", f"{frame}\n{list(places)}")


def _marked(words: list[str]) -> list[forms.Word]:
    """Return the digests of the words of a line, and which of them are fixed."""
    return [
        (_digest("fixed" if fixed else "word", word)[:8], fixed)
        for place, word in enumerate(words)
        for fixed in [_is_fixed(words, place)]
    ]


def _is_fixed(words: list[str], place: int) -> bool:
    """Tell whether a word of a line never varies: masked, of state, in capitals, a participle, what was to be done."""
    word = words[place]
    match = _LETTERS.search(word)
    if VALUE in word or match is None or "=" in word:
        return True
    said = match.group()
    return (
        (said.isupper() and len(said) > 1)
        or said.lower() in MEANINGFUL
        or (_PARTICIPLE.search(said) is not None and (place == 0 or said.islower()))
        or (place > 1 and words[place - 1] == "to" and words[place - 2].lower() in MEANINGFUL)
    )


def _may_be_of_a_form(words: list[str]) -> bool:
    """Tell whether a line has a word that machines' lines have (a value, a state, a severity, one in capitals), and is
    not written as people write who hurry: in small letters from the first, without a machine's notation.
    """
    if len(words) > MAX_WORDS or (words[0][:1].islower() and not any(map(_NOTATION.search, words))):
        return False
    return any(_is_fixed(words, place) for place in range(len(words)))


def _notice(line: str) -> str:
    return _digest("notice", line)


def _form(marked: list[forms.Word]) -> str:
    """Return the key of the forms that share the fixed words of a line."""
    return _digest("form", " ".join(word for word, fixed in marked if fixed))


def _is_announced(words: list[str], place: int) -> bool:
    return place > 0 and words[place - 1].lower().strip("\"'([{:=") in CUES


def _may_name(words: list[str], place: int) -> bool:
    """Tell whether a word may be a name: the word before says so, or its form does and it is no word for a thing."""
    before = words[place - 1].lower().strip("\"'([{:=") if place else ""
    if before in CUES or before in _NAMING:
        return True
    word = words[place].strip("\"'()[]{}:,;.")
    if not word or thesaurus().concepts_of([word.lower()]):
        return False
    beside = "".join(words[place - 1 : place + 2 : 2]) if 0 < place < len(words) - 1 else ""
    inside = beside.isalpha() and beside.islower()
    return _NAME_FORM.search(word) is not None or (word.istitle() and inside)


def _digest(kind: str, text: str) -> str:
    person = f"{kind} {VERSION}".encode()
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, person=person).hexdigest()


def _name_at(words: list[str], place: int) -> str:
    """Return the word that may be a name at a place of a line; "" when none may."""
    match = _WORD.match(words[place])
    if match is None:
        return ""
    word = match[1]
    if not (words[place - 1].lower().strip("\"'([{:=") in CUES or "/" in word or _is_logging_host(words, place)):
        return ""
    capitals = word.isupper() and len(word) > 1
    common = word.lower() in MEANINGFUL or word.lower() in CUES
    return "" if capitals or common or _PARTICIPLE.search(word) else word


def _is_logging_host(words: list[str], place: int) -> bool:
    """Tell whether a place is the host's in a line of syslog: time, host, program (RFC 3164, 4.1)."""
    return place == 1 and words[0] == VALUE and len(words) > 2 and _PROGRAM.match(words[2]) is not None


def _named(word: str) -> str:
    """Return a word of a line with `VALUE` for the name and what stands around it."""
    match = _WORD.match(word)
    return word[: match.start(1)] + VALUE + word[match.end() :] if match else word


def _forget(entries: OrderedDict[str, Any]) -> None:
    if len(entries) > CAPACITY:
        entries.popitem(last=False)
