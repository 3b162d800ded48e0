"""`opsintel eval`: the product's own methods on labelled data."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from opsintel.cli.main import print_json
from opsintel.errors import InputError

app = typer.Typer(add_completion=False, no_args_is_help=True)

FIELD_LIMIT = 8 * 1024 * 1024
"""Characters of one field, as when a CSV file is imported."""


@app.callback()
def evaluate() -> None:
    """Measure the product's own methods on labelled data."""


@app.command(short_help="Compare issues with labels, day by day")
def clusters(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="CSV files with the columns id, text, label")],
    days: Annotated[int, typer.Option(metavar="DAYS", min=1, max=366, help="Days the rows are spread over")] = 20,
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="Order of the rows")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")] = False,
) -> None:
    """Compare issues with labels, day by day, with the settings every tenant has."""
    from opsintel_pipeline.issues.simulation import simulate
    from opsintel_pipeline.language import detect

    sets = [(file, *_read(file)) for file in files]
    results = []
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        for file, texts, labels in sets:
            task = progress.add_task(file.parent.name, total=days)
            score = simulate(
                texts,
                labels,
                [detect(text) for text in texts],
                days=days,
                seed=seed,
                progress=lambda task=task: progress.advance(task),  # type: ignore[misc]
            )
            results.append(
                {
                    "set": _name(file),
                    "rows": score.rows,
                    "labels": score.labels,
                    "clusters": score.clusters,
                    "ari": score.ari,
                    "nmi": score.nmi,
                    "stability": score.stability,
                }
            )
    _print(results, as_json=as_json)


@app.command(short_help="Show what templates of machines' messages save")
def duplicates(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="CSV files with the columns id, text, label")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")] = False,
) -> None:
    """Show which share of lines needs no call of its own (saved), and gets another label's analysis (wrong)."""
    from opsintel_pipeline.analyze.templates.evaluation import reuse_of

    results = [{"set": _name(file), **asdict(reuse_of(*_read(file)))} for file in files]
    if not as_json and len(results) > 1:
        mean = {measure: round(fmean(result[measure] for result in results), 4) for measure in ("saved", "wrong")}
        results.append({"set": "mean", "lines": "", "groups": "", **mean})
    _print(results, as_json=as_json)


@app.command(short_help="Show how much personal data is found in generated messages")
def privacy(
    messages: Annotated[int, typer.Option(metavar="NUMBER", min=1, max=1_000_000, help="Messages to generate")] = 2_000,
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="Which messages")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")] = False,
) -> None:
    """Show how much of the personal data in generated messages is found (recall), and how much of it is (precision)."""
    from opsintel_pipeline.privacy.evaluation import recognition_of
    from opsintel_pipeline.privacy.generated import generate

    _print([asdict(figures) for figures in recognition_of(generate(messages, seed))], as_json=as_json)


@app.command(short_help="Measure the rules on labelled messages")
def rules(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE", help="CSV files: id, text, language, kind, severity_floor, sentiment, is_actionable"
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")] = False,
) -> None:
    """Measure what the rules of the built-in analyser find in messages of which a person has said what is right."""
    from opsintel_pipeline.analyze.evaluation import FIELDS, Labelled, scores_of_rules

    columns = ("text", "language", *FIELDS)
    results = [
        {"set": _name(file), **asdict(score)}
        for file in files
        for score in scores_of_rules([Labelled(*row) for row in _rows(file, columns)])
    ]
    _print(results, as_json=as_json)


@app.command(short_help="Measure a tenant's analyses on what its people have said")
def tenant(
    slug: Annotated[str, typer.Argument(metavar="TENANT", help="Short name of the tenant")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")] = False,
) -> None:
    """Measure the present analyses on corrections and confirmed reviews, and keep the figures of this week."""
    from opsintel.cli.tenant_context import opened
    from opsintel.clock import today
    from opsintel_pipeline.learn.weekly import evaluate, week_of

    with opened(slug) as (context, found), context.database.tenant_tx(found.id) as connection:
        measured = evaluate(connection, found.id, week_of(today()))
    results = [
        {
            "gold_version": one.gold_version, "profile_version": one.profile_version, "model": one.model,
            **asdict(one.score), "corrections_per_1000": one.corrections_per_1000,
        }
        for one in measured
    ]  # fmt: skip
    if not results and not as_json:
        typer.echo("Nobody has corrected or confirmed anything yet")
        return
    _print(results, as_json=as_json)


def _name(file: Path) -> str:
    return file.resolve().parent.name if file.stem == "data" else file.stem


def _print(results: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(results)
        return
    table = Table(*results[0])
    for result in results:
        table.add_row(*(str(value) for value in result.values()))
    Console().print(table)


@app.command(short_help="Measure how much better categories become with corrections")
def analysis(
    file: Annotated[Path, typer.Argument(metavar="CSV", help="A CSV file with the columns id, text, label")],
    seed: Annotated[int, typer.Option(metavar="NUMBER", min=0, help="Which rows are held out and corrected")] = 0,
    repeats: Annotated[int, typer.Option(metavar="NUMBER", min=1, max=20, help="Draws the figures are means of")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")] = False,
) -> None:
    """Measure categories on held-out rows after 0, 1, 3, 10 and 30 corrections of each.

    The built-in analyser knows the categories by name and reads every text; it sees no label but those of the
    corrections. The same file and seed give the same figures, CPU time excepted.
    """
    from opsintel_pipeline.learn.curve import CORRECTIONS, learning_curve

    texts, labels = _read(file)
    if len(set(labels)) == len(labels):
        raise InputError(f"{file} has no label twice", remedy="Half of each label's rows are held out")
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(_name(file), total=len(CORRECTIONS) * repeats)
        points = learning_curve(texts, labels, seed=seed, repeats=repeats, progress=lambda: progress.advance(task))
    curve = [asdict(point) for point in points]
    if as_json:
        print_json({"set": _name(file), "rows": len(texts), "labels": len(set(labels)), "curve": curve})
        return
    table = Table(*curve[0])
    for point in curve:
        table.add_row(*(str(value) for value in point.values()))
    Console().print(table)


def _read(file: Path) -> tuple[list[str], list[str]]:
    rows = _rows(file, ("text", "label"))
    return [text for text, _ in rows], [label for _, label in rows]


def _rows(file: Path, columns: Sequence[str]) -> list[tuple[str, ...]]:
    """Return these columns of a CSV file, which has an id beside them."""
    needed = f"It needs the columns id, {', '.join(columns)}"
    if not file.is_file():
        raise InputError(f"{file} is no file" if file.exists() else f"{file} does not exist", remedy="Check the path")
    csv.field_size_limit(max(csv.field_size_limit(), FIELD_LIMIT))
    try:
        with file.open(encoding="utf-8-sig", newline="") as content:
            reader = csv.DictReader(content)
            missing = [name for name in ("id", *columns) if name not in (reader.fieldnames or [])]
            if missing:
                raise InputError(f"{file} has no column {missing[0]}", remedy=needed)
            rows = [tuple(row[name] or "" for name in columns) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file} is no CSV in UTF-8: {error}", remedy="Save it as CSV in UTF-8") from None
    if not rows:
        raise InputError(f"{file} has no rows", remedy=f"{needed}, and rows")
    return rows
