"""What a row has found, and whether that is enough: lines against a peer, and how a cost grows with size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bench.measure import Spread, growth_exponent, ratio
from opsintel.errors import OpsintelError

Verdict = Literal["aim", "must", "missed", "-"]


class CannotRun(OpsintelError):
    """The row cannot be measured here; the message says why, the remedy how it could be."""

    code = "bench_cannot_run"


@dataclass(frozen=True, slots=True)
class Bound:
    """What must be reached and what is aimed at; `at_most` for what should be small."""

    must: float
    aim: float | None = None
    at_most: bool = False

    def verdict(self, value: float) -> Verdict:
        """Return how far a value goes."""
        if self.aim is not None and self._holds(value, self.aim):
            return "aim"
        return "must" if self._holds(value, self.must) else "missed"

    def text(self) -> str:
        """Return the bound as people write it: `≥ 10 (aim 20)`."""
        sign = "≤" if self.at_most else "≥"
        return f"{sign} {self.must:g}" + (f" (aim {self.aim:g})" if self.aim is not None else "")

    def _holds(self, value: float, bound: float) -> bool:
        return value <= bound if self.at_most else value >= bound


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison, or one figure against a bound.

    `bound` is about the ratio where there is a peer, else about our figure.
    """

    what: str
    unit: str
    ours: Spread
    against: str = ""
    peer: Spread | None = None
    ratio: Spread | None = None
    bound: Bound | None = None

    @property
    def verdict(self) -> Verdict:
        """How far the figure goes; `-` for one that is shown without a bound."""
        if self.bound is None:
            return "-"
        return self.bound.verdict((self.ratio or self.ours).median)


@dataclass(frozen=True, slots=True)
class Growth:
    """How a cost grows with a size: cost = c * size^exponent."""

    what: str
    unit: str
    sizes: list[int]
    costs: list[Spread]
    exponent: float
    bound: Bound | None = None

    @property
    def verdict(self) -> Verdict:
        """How far the exponent goes; `-` without a bound."""
        return "-" if self.bound is None else self.bound.verdict(self.exponent)


@dataclass(frozen=True)
class Report:
    """All that a row found; `notes` say what the figures leave out."""

    lines: Sequence[Line] = ()
    growth: Sequence[Growth] = ()
    notes: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain data, verdicts included."""
        return {
            "lines": [asdict(line) | {"verdict": line.verdict} for line in self.lines],
            "growth": [asdict(growth) | {"verdict": growth.verdict} for growth in self.growth],
            "notes": list(self.notes),
        }


def compared(
    what: str,
    unit: str,
    values: Mapping[str, Sequence[float]],
    *,
    ours: str,
    peer: str,
    bound: Bound | None = None,
    inverted: bool = False,
) -> Line:
    """Return the line of two contenders measured in turns; the ratio is ours to the peer's, or the reverse."""
    above, below = (values[peer], values[ours]) if inverted else (values[ours], values[peer])
    return Line(what, unit, Spread.of(values[ours]), peer, Spread.of(values[peer]), ratio(above, below), bound)


def grown(what: str, unit: str, costs: Mapping[int, Sequence[float]], bound: Bound | None = None) -> Growth:
    """Return the growth of costs measured at several sizes."""
    sizes = sorted(costs)
    spreads = [Spread.of(costs[size]) for size in sizes]
    return Growth(what, unit, sizes, spreads, growth_exponent(sizes, [s.median for s in spreads]), bound)
