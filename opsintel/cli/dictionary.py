"""`opsintel dictionary`: the data dictionary, as docs/data-dictionary.md has it."""

from __future__ import annotations

import typer

app = typer.Typer(add_completion=False)


@app.command()
def show() -> None:
    """Print every view and table with its columns and their meaning, in Markdown."""
    from opsintel.db.dictionary import dictionary

    typer.echo(dictionary(), nl=False)
