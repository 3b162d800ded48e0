"""Exported dashboard: bytes of the initial script of each route, compressed, and the size of the whole export."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from bench.measure import Spread
from bench.report import Bound, CannotRun, Line, Report
from bench.workplace import Workplace
from opsintel_api.dashboard import BUILT, WEB

SCRIPT = Bound(160, 120, at_most=True)
EXPORT = Bound(6, at_most=True)
_SCRIPT = re.compile(r'<script(?P<before>[^>]*)\ssrc="(?P<address>[^"]+)"(?P<after>[^>]*)>')


def run(workplace: Workplace) -> Report:
    """Measure the built dashboard as it is served."""
    del workplace
    if not (WEB / BUILT).exists():
        raise CannotRun("The dashboard is not built", remedy="`make setup` builds it")
    lines = [
        Line(f"route {_route(page)}", "kB of script, brotli", Spread.of([initial_script(page) / 1000]), bound=SCRIPT)
        for page in sorted(WEB.rglob("index.html"))
    ]
    size = sum(path.stat().st_size for path in WEB.rglob("*") if path.is_file()) / 1e6
    lines.append(Line("whole export, compressed copies included", "MB", Spread.of([size]), bound=EXPORT))
    return Report(lines)


def initial_script(page: Path) -> int:
    """Return the bytes of the scripts that a page loads at once, as a browser that takes brotli gets them."""
    addresses = {
        found["address"]
        for found in _SCRIPT.finditer(page.read_text())
        if "nomodule" not in (found["before"] + found["after"]).lower()
    }
    return sum(_compressed(WEB / unquote(address).lstrip("/")) for address in addresses)


def _compressed(script: Path) -> int:
    copy = script.with_name(script.name + ".br")
    return (copy if copy.exists() else script).stat().st_size


def _route(page: Path) -> str:
    folder = page.parent.relative_to(WEB).as_posix()
    return "/" if folder == "." else f"/{folder}/"
