"""The text form of filters, close to Gmail's search, becomes a tree; what is wrong is told with its character.

Terms beside each other all have to match; `OR` stands between alternatives and binds less, `-` or `NOT` negates,
brackets group. `key:(a OR b)` gives the key to each value.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from opsintel.errors import FilterError
from opsintel.filters.patterns import compiled, unslashed
from opsintel.filters.raw import PREFIXES, check_raw
from opsintel.filters.syntax import (
    EVERYTHING,
    MAXIMUM_DEPTH,
    MAXIMUM_LENGTH,
    Node,
    Pattern,
    Raw,
    bounded,
    conjunction,
    disjunction,
    misplaced_block,
    negation,
)
from opsintel.filters.terms import MEANINGS, custom_term, is_flag, term_of, unknown

BLOCK_MISPLACED = "A provider block cannot stand under - or OR: only the provider can evaluate it"
BLOCK_REMEDY = "Let it stand beside the other terms, and negate within it"
OPERATORS = ("AND", "OR", "NOT")

_SPACE = re.compile(r"\s*")
_KEY = re.compile(r"([A-Za-z][A-Za-z_]*):")
_FIELD = re.compile(r"field\[([^\]]*)\]:", re.IGNORECASE)
_BARE = re.compile(r'[^\s()"]+')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_PATTERN = re.compile(r"/((?:[^/\\]|\\.)*)/([A-Za-z]*)", re.DOTALL)
_AFTER_OPERATOR = re.compile(r'[\s()"]|\Z')
_ENDS = re.compile(r"\s|\)|\Z")
_VALUES_ONLY = "Within the brackets of a term stand its values only"


def parse(text: str) -> Node:
    """Return the tree of a filter; that of an empty text matches everything.

    Raises `FilterError` with the position of the character that is wrong.
    """
    if len(text) > MAXIMUM_LENGTH:
        raise FilterError(f"The filter has more than {MAXIMUM_LENGTH} characters", position=MAXIMUM_LENGTH, text=text)
    parser = _Parser(text)
    try:
        tree = bounded(parser.whole())
        if block := misplaced_block(tree):
            raise FilterError(BLOCK_MISPLACED, remedy=BLOCK_REMEDY, position=text.find(f"{{{block.query}}}"))
        return tree
    except FilterError as error:
        position = len(text) if error.position is None else error.position
        raise FilterError(error.message, remedy=error.remedy, position=position, text=text) from None


class _Parser:
    """Reads from `position` on; each method takes one rule of the grammar and leaves the position behind it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.depth = 0

    def whole(self) -> Node:
        """filter = [alternatives]"""
        self._skip()
        if self.position == len(self.text):
            return EVERYTHING
        node = self._alternatives("")
        if self.position < len(self.text):
            raise self._error("There is no bracket that this one closes")
        return node

    def _alternatives(self, key: str) -> Node:
        """alternatives = together {"OR" together}"""
        parts = [self._together(key)]
        while self._takes("OR"):
            parts.append(self._together(key))
        return disjunction(parts)

    def _together(self, key: str) -> Node:
        """together = one {["AND"] one}"""
        parts = [self._one(key)]
        while True:
            needs_one = self._takes("AND")
            self._skip()
            is_over = self.position == len(self.text) or self.text[self.position] == ")" or self._sees("OR")
            if is_over and not needs_one:
                return conjunction(parts)
            parts.append(self._one(key))

    def _one(self, key: str) -> Node:
        """one = ("-" | "NOT") one | "(" alternatives ")" | term"""
        self._skip()
        if self.position == len(self.text):
            raise self._error("A term is missing at the end")
        if self._takes("NOT") or self._negates():
            return negation(self._deeper(lambda: self._one(key)))
        for operator in OPERATORS:
            if self._sees(operator):
                raise self._error(f"A term is missing before {operator}", remedy=f'Write "{operator}" to look for it')
        character = self.text[self.position]
        if character == ")":
            raise self._error("A term is missing here")
        if character == "(":
            return self._deeper(lambda: self._group(key))
        node = self._term(key)
        if not _ENDS.match(self.text, self.position):
            raise self._error("A space is missing here")
        return node

    def _group(self, key: str) -> Node:
        opened = self.position
        self.position += 1
        node = self._alternatives(key)
        if self.position == len(self.text):
            raise self._error("This bracket is not closed", at=opened)
        self.position += 1
        return node

    def _term(self, key: str) -> Node:
        """term = pattern | field[name]:value | block | key:value | key:group | words"""
        found = _FIELD.match(self.text, self.position) or _KEY.match(self.text, self.position)
        if key and (found or self.text[self.position] == "/"):
            raise self._error(_VALUES_ONLY)
        if self.text[self.position] == "/":
            return self._pattern()
        if found is None:
            return self._value(key or "any")
        start, self.position = self.position, found.end()
        if found.re is _FIELD:
            return self._value(f"field[{found[1]}]", start)
        name = found[1].lower()
        if name in PREFIXES:
            return self._block(name)
        if name == "field":
            raise self._error("Write field[name]:value", at=start)
        if name not in MEANINGS:
            raise self._error(unknown(found[1]), at=start)
        if self.text.startswith("(", self.position) and not is_flag(name):
            return self._deeper(lambda: self._group(name))
        return self._value(name)

    def _value(self, key: str, start: int = 0) -> Node:
        at = self.position
        if self.text.startswith('"', at):
            found = _QUOTED.match(self.text, at)
            if found is None:
                raise self._error("This quote is not closed")
            value, at = re.sub(r'\\(["\\])', r"\1", found[1]), at + 1
        else:
            found = _BARE.match(self.text, at)
            if found is None:
                raise self._error("A value is missing here")
            value = found[0]
        self.position = found.end()
        try:
            if key.startswith("field["):
                return custom_term(key[len("field[") : -1], value)
            return term_of(key, value)
        except FilterError as error:
            is_name = key.startswith("field[") and error.message.startswith("field[")
            raise self._error(error, at=start if is_name else at) from None

    def _pattern(self) -> Pattern:
        start = self.position
        found = _PATTERN.match(self.text, start)
        if found is None:
            raise self._error("This expression has no / at its end", remedy='Write "/" in quotes to look for it')
        if found[2] not in ("", "i"):
            raise self._error("The only mark of an expression is i: upper or lower case", at=found.start(2))
        if not found[1]:
            raise self._error("The expression is empty", at=start + 1)
        if control := re.search("[\x00-\x1f\x7f]", found[1]):
            raise self._error("The expression holds a control character", at=start + 1 + control.start())
        try:
            compiled(found[1], found[2] == "i")
        except FilterError as error:
            raise self._error(error, at=start + 1) from None
        self.position = found.end()
        return Pattern(unslashed(found[1]), found[2] == "i")

    def _block(self, name: str) -> Raw:
        start = self.position
        if not self.text.startswith("{", start):
            raise self._error(f"Write {name}:{{…}} around a query in the provider's own language")
        depth = 0
        for position in range(start, len(self.text)):
            depth += (self.text[position] == "{") - (self.text[position] == "}")
            if not depth:
                break
        else:
            raise self._error("This brace is not closed")
        query = self.text[start + 1 : position]
        try:
            check_raw(PREFIXES[name], query)
        except FilterError as error:
            raise self._error(error, at=start + 1) from None
        self.position = position + 1
        return Raw(PREFIXES[name], query)

    def _deeper(self, rule: Callable[[], Node]) -> Node:
        self.depth += 1
        if self.depth > MAXIMUM_DEPTH:
            raise self._error(f"The filter is nested deeper than {MAXIMUM_DEPTH}")
        node = rule()
        self.depth -= 1
        return node

    def _skip(self) -> None:
        found = _SPACE.match(self.text, self.position)
        assert found is not None
        self.position = found.end()

    def _negates(self) -> bool:
        if self.text[self.position] != "-":
            return False
        if _ENDS.match(self.text, self.position + 1):
            raise self._error("- stands before the term that it negates, without a space")
        self.position += 1
        return True

    def _sees(self, operator: str) -> bool:
        end = self.position + len(operator)
        return self.text.startswith(operator, self.position) and _AFTER_OPERATOR.match(self.text, end) is not None

    def _takes(self, operator: str) -> bool:
        self._skip()
        if not self._sees(operator):
            return False
        self.position += len(operator)
        return True

    def _error(self, cause: str | FilterError, *, at: int | None = None, remedy: str = "") -> FilterError:
        """Return an error at the present position or `at`; one about a part of the text is moved to its place."""
        place = self.position if at is None else at
        if isinstance(cause, FilterError):
            return cause.within(self.text, place)
        return FilterError(cause, remedy=remedy, position=place, text=self.text)
