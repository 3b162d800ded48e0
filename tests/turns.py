"""Products of cases of which the quick tests take a part: each of the many with one of the few, in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest


def in_turn(many: Sequence[Any], few: Sequence[str], id_of: Callable[[Any], str]) -> list[Any]:
    """Return the parameters of all pairs; those whose turn it is not are for `make thorough`."""
    return [
        pytest.param(
            one, other, id=f"{id_of(one)}-{other}", marks=[] if place % len(few) == turn else pytest.mark.thorough
        )
        for place, one in enumerate(many)
        for turn, other in enumerate(few)
    ]
