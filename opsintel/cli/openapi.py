"""`opsintel openapi`: the contract of the read API, without any setting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


@app.command()
def print_openapi(
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the document to this file")] = None,
) -> None:
    """Print the OpenAPI document, or write it to a file."""
    from opsintel_api.openapi import openapi_document

    text = json.dumps(openapi_document(), indent=2, ensure_ascii=False) + "\n"
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
