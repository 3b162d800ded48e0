"""What a fuzz target is: a public function of the product under any bytes, and what must hold of its result."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

from opsintel.errors import OpsintelError
from tests.fuzz import targets

SEEDS = Path(__file__).parent / "seeds"
"""Inputs that were found: a folder for each target, a file for each mended fault."""

Check = Callable[[bytes], None]


@dataclass(frozen=True)
class Target:
    """A check that raises for bytes under which the product does what it never may, and what to start from."""

    name: str
    check: Check
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...]
    """Tokens of the format, which a fuzzer would be long in finding."""

    def corpus(self) -> Iterator[bytes]:
        """Yield the seeds written beside the target, and the inputs that once broke it."""
        yield from self.seeds
        yield from (path.read_bytes() for path in sorted((SEEDS / self.name).glob("*")))


_found: dict[str, Target] = {}


def target(*, seeds: Iterable[bytes], words: Iterable[bytes] = ()) -> Callable[[Check], Check]:
    """Make a function a target of its name."""

    def register(check: Check) -> Check:
        _found[check.__name__] = Target(check.__name__, check, tuple(seeds), tuple(words))
        return check

    return register


@cache
def all_targets() -> dict[str, Target]:
    """Return the targets of every module in `targets`, by name."""
    for module in pkgutil.iter_modules(targets.__path__):
        import_module(f"{targets.__name__}.{module.name}")
    return dict(sorted(_found.items()))


@contextmanager
def declared(*errors: type[Exception]) -> Iterator[None]:
    """Let pass what the product says it raises, with a line that a terminal can take; anything else is a fault."""
    try:
        yield
    except OpsintelError as error:
        assert not errors or isinstance(error, errors), f"{type(error).__name__} is not declared"
        assert error.line().isprintable(), "the line of an error steers a terminal"
