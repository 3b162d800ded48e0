"""The checklists of docs/connectors: which numbered items there are, and which tests hold them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = ROOT / "docs" / "connectors"
_ITEM = re.compile(r"\|\s*([A-Z]\d+)\b.*\|\s*$")
_QUOTED = re.compile(r"`([^`]+)`")
_DEFINED = re.compile(r"^\s*(?:async )?(?:def|class) ([Tt]est\w*)", re.MULTILINE)
_SUITE = ROOT / "tests" / "connectors" / "remote.py"


@dataclass(frozen=True)
class Item:
    """A row of a checklist: its number, and what it names for tests."""

    number: str
    tests: str


def providers() -> list[str]:
    """Return the providers that have a checklist."""
    return sorted(path.stem for path in DOCUMENTS.glob("*.md") if items(path.stem))


def items(provider: str) -> list[Item]:
    """Return the rows of a provider's checklist."""
    lines = (DOCUMENTS / f"{provider}.md").read_text().splitlines()
    return [Item(found[1], line.strip().strip("|").split("|")[-1]) for line in lines if (found := _ITEM.match(line))]


def missing(provider: str, item: Item) -> list[str]:
    """Return the tests that a row names and that are not there; "no test" where it names none."""
    folder = ROOT / "tests" / "connectors" / provider
    files = {path.stem.removeprefix("test_") for path in folder.glob("test_*.py")}
    known = [name for path in [*folder.glob("*.py"), _SUITE] for name in _DEFINED.findall(path.read_text())]
    paths = [Path(path) for path in re.findall(r"tests/[\w/]+(?:\.py)?", item.tests)]
    known += [name for path in paths if (ROOT / path).is_file() for name in _DEFINED.findall((ROOT / path).read_text())]
    absent = [str(path) for path in paths if not (ROOT / path).exists()]
    named = [name for token in _QUOTED.findall(item.tests) if "/" not in token for name in token.split("::")]
    absent += [name for name in named if not any(_pattern(name).fullmatch(one) for one in known)]
    words = set(re.findall(r"\w+", _QUOTED.sub(" ", re.sub(r"test_(\w+)\.py", r"\1", item.tests))))
    is_held = bool(named or paths or words & (files | {"contract"}))
    return absent if is_held else [*absent, "no test"]


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in name.partition("[")[0].split("…")))
