"""`opsintel settings`: every variable, as the documentation shows it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from opsintel.cli.main import print_json
from opsintel.settings import Settings, variable_of

app = typer.Typer(add_completion=False)

REQUIRED = frozenset({"master_encryption_key", "jwt_secret"})


def rows() -> list[dict[str, Any]]:
    """Return variable, meaning, required, example and fallback of every setting."""
    listed = []
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        assert isinstance(extra, dict)
        listed.append(
            {
                "variable": variable_of(name),
                "required": name in REQUIRED,
                "meaning": field.description,
                "absent": extra["absent"],
                "example": extra["example"],
            }
        )
    return listed


def markdown() -> str:
    """Return the settings page of the documentation."""
    lines = ["# Settings", "", "Written by `opsintel settings --markdown`; the source is opsintel/settings/.", ""]
    lines += ["| variable | required | meaning | when absent | example |", "|---|---|---|---|---|"]
    for row in rows():
        required = "yes" if row["required"] else "no"
        lines.append(f"| `{row['variable']}` | {required} | {row['meaning']} | {row['absent']} | `{row['example']}` |")
    return "\n".join(lines) + "\n"


@app.command()
def list_settings(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the page of the documentation")] = False,
) -> None:
    """List every setting with its meaning and what happens when it is absent."""
    if as_json:
        print_json(rows())
    elif as_markdown:
        typer.echo(markdown(), nl=False)
    else:
        for row in rows():
            typer.echo(f"{row['variable']}{' (required)' if row['required'] else ''}\n    {row['meaning']}")
            typer.echo(f"    absent: {row['absent']}; example: {row['example']}")
