"""Regular expressions of users: by RE2, in time linear in the text, whatever the pattern."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import re2

from opsintel.errors import FilterError
from opsintel.filters.syntax import MAXIMUM_PATTERN

_PROGRAM_BYTES = 1024 * 1024
"""Memory of one compiled pattern; RE2 refuses a pattern that needs more."""

# What Perl's syntax has beyond regular languages, by how RE2 names it; they need backtracking.
_BACKTRACKING = ("invalid perl operator: (?=", "invalid perl operator: (?!", "invalid perl operator: (?<",
                 "invalid perl operator: (?>", "invalid perl operator: (?(")  # fmt: skip

_ESCAPED = re.compile(r"\\.|/", re.DOTALL)


@lru_cache(maxsize=512)
def compiled(pattern: str, ignore_case: bool = False) -> Any:
    """Return the compiled pattern, whose `search` tells whether it is found in a text.

    Raises `FilterError` with the reason and the position within the pattern for what RE2 refuses.
    """
    if len(pattern) > MAXIMUM_PATTERN:
        raise FilterError(f"The expression has more than {MAXIMUM_PATTERN} characters", position=MAXIMUM_PATTERN)
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _PROGRAM_BYTES
    options.case_sensitive = not ignore_case
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        told = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    except UnicodeEncodeError as error:
        raise FilterError("The expression holds half a character", position=error.start) from error
    raise _refusal(pattern, told)


def _refusal(pattern: str, told: str) -> FilterError:
    about, _, piece = told.partition(": ")
    position = max(pattern.find(piece), 0) if piece else 0
    is_reference = about == "invalid escape sequence" and piece[1:2].isdigit()
    if is_reference or told.startswith(_BACKTRACKING):
        name = "A reference to a group" if is_reference else "Looking around"
        return FilterError(
            f"{name} ({piece}) needs backtracking, which can take for ever",
            remedy="Expressions are those of RE2",
            position=position,
        )
    return FilterError(
        f"This is no regular expression: {told}", remedy="Expressions are those of RE2", position=position
    )


def unslashed(pattern: str) -> str:
    """Return the pattern without backslashes before `/`, which only the text form needs."""
    return _ESCAPED.sub(lambda found: "/" if found[0] == "\\/" else found[0], pattern)


def slashed(pattern: str) -> str:
    """Return the pattern with a backslash before each `/`, as the text form needs it."""
    return _ESCAPED.sub(lambda found: "\\/" if found[0] == "/" else found[0], pattern)
