"""Results as Markdown tables: comparisons, growth, and what could not run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

VERDICTS = {"aim": "aim reached", "must": "reached", "missed": "**missed**", "-": "–"}


def markdown(results: Mapping[str, Any]) -> str:
    """Return the results by row name as Markdown."""
    lines, growths, rest = [], [], []
    for name, result in results.items():
        if "reason" in result:
            rest.append(f"- {name}: not measured. {result['reason']}")
            continue
        report = result["report"]
        lines += [_line(name, line) for line in report["lines"]]
        growths += [_growth(name, growth) for growth in report["growth"]]
        rest += [f"- {name}: {note}" for note in report["notes"]]
    tables = []
    if lines:
        tables.append(_table(("row", "what", "ours", "against", "ratio", "bound", ""), lines))
    if growths:
        tables.append(_table(("row", "cost", "by size", "exponent", "bound", ""), growths))
    return "\n\n".join([*tables, "\n".join(rest)]).strip() + "\n"


def _line(name: str, line: Mapping[str, Any]) -> tuple[str, ...]:
    peer = f"{line['against']}: {_spread(line['peer'])} {line['unit']}" if line["peer"] else line["against"]
    shown = f"{_spread(line['ours'])} {line['unit']}".rstrip()
    return (
        name, line["what"], shown, peer, _spread(line["ratio"]) if line["ratio"] else "", _bound(line["bound"]),
        VERDICTS[line["verdict"]],
    )  # fmt: skip


def _growth(name: str, growth: Mapping[str, Any]) -> tuple[str, ...]:
    steps = zip(growth["sizes"], growth["costs"], strict=True)
    by_size = ", ".join(f"{size:,}: {number(cost['median'])}" for size, cost in steps)
    return (
        name, f"{growth['what']} ({growth['unit']})", by_size, f"{growth['exponent']:.2f}", _bound(growth["bound"]),
        VERDICTS[growth["verdict"]],
    )  # fmt: skip


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _spread(spread: Mapping[str, Any]) -> str:
    median = number(spread["median"])
    return median if spread["count"] == 1 else f"{median} ({number(spread['low'])}–{number(spread['high'])})"


def _bound(bound: Mapping[str, Any] | None) -> str:
    if bound is None:
        return ""
    aim = f", aim {number(bound['aim'])}" if bound["aim"] is not None else ""
    return f"{'≤' if bound['at_most'] else '≥'} {number(bound['must'])}{aim}"


def number(value: float) -> str:
    """Return a figure with three significant digits, whole above a thousand."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    text = f"{value:.3g}"
    return f"{value:.5f}" if "e" in text else text
