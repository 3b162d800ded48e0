"""Builds what the package ships as its sample out of the hand-written messages: `python sample/build.py`.

The same messages give the same bytes, on any machine.
"""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

import yaml
from mailbox_file import mailbox
from messages import Truth, Written, read_written
from slack_file import export
from ticket_file import table

HERE = Path(__file__).resolve().parent
SHIPPED = HERE.parent / "opsintel" / "sample"
COMPANIES = ("northlamp", "harbourline")
TRUTH_HEADER = ("tenant", "source", "native_id", "problem", "noise", "lang")


def build(folder: Path) -> None:
    """Write the files of every company that has messages, and the truth about all of them, into a folder."""
    rows: list[tuple[str, ...]] = []
    people = yaml.safe_load((HERE / "people.yaml").read_text(encoding="utf-8"))
    for company in COMPANIES:
        messages = read_written(company, sorted((HERE / "authored").glob(f"{company}-*.yaml")))
        if not messages:
            continue
        truths = _write_company(folder / company, messages, people.get(company) or {})
        rows += [(company, truth.source, truth.native_id, truth.problem, truth.noise, truth.lang) for truth in truths]
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([TRUTH_HEADER, *rows])
    (folder / "truth.csv").write_bytes(out.getvalue().encode("utf-8"))


def _write_company(folder: Path, messages: list[Written], people: dict[str, str]) -> list[Truth]:
    folder.mkdir(parents=True, exist_ok=True)
    company = folder.name
    by_source = {
        source: [message for message in messages if message.source == source]
        for source in ("mbox", "slack_export", "csv_file")
    }
    truths: list[Truth] = []
    for source, name in (("mbox", "mailbox.mbox"), ("slack_export", "slack.zip"), ("csv_file", "tickets.csv")):
        chosen = by_source[source]
        if not chosen:
            continue
        if source == "mbox":
            content, found = mailbox(company, chosen)
        elif source == "slack_export":
            content, found = export(company, chosen, people)
        else:
            content, found = table(company, chosen)
        (folder / name).write_bytes(content)
        truths += found
    return truths


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED)
