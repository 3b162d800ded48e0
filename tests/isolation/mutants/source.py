"""Places of isolation in the source: found by rules, so that a new one is tried without being listed.

Rules for SQL, in strings of Python and in files: a comparison of tenants is made true; a pair of tenant and id loses
its tenant. Rules for Python: a tenant in a key that is put together from text, in the context of a seal, in the key of
a limit or a lock, or in a tuple that is kept as a key becomes the same for all; a refusal is left out.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("opsintel", "opsintel_api", "opsintel_pipeline")
NOT_THE_PRODUCT = ("migrations", "cli", "simulation", "sample", "logs", "demo.py", "witness.py")
DECLARED = ("opsintel/db/marts/", "opsintel/db/tables/")
"""What stands here takes effect in the database, and is tried there (tests/isolation/mutants/catalogue.py)."""

REFUSING = ("opsintel_api/auth/principal.py", "opsintel_api/auth/keys.py", "opsintel_api/cursors.py")
"""Where each refusal is a place of isolation."""

SAME_FOR_ALL = "__import__('uuid').UUID(int=0)"
_KEY_CALLS = frozenset({"SealContext", "Key"})

_VALUE = r"(?:%\(\w+\)s|%s|\$\d+|[\w.]+)"
_COMPARED = re.compile(
    rf"(?P<lead>\b(?:WHERE|AND|ON)\s+)(?P<left>(?:\w+\.)?tenant_id|tenant\.id) = (?P<right>{_VALUE})(?=[\s)\"';]|$)"
)
_PAIRED = re.compile(r"\(tenant_id, (?P<id>\w+)\) IN \(SELECT \* FROM (?P<list>unnest\([^)]*\))\)")


@dataclass(frozen=True, slots=True)
class Change:
    """One place: in this file, from here to there, stands something else."""

    file: str
    start: int
    end: int
    new: str
    rule: str
    line: int
    old: str

    def apply(self, text: str) -> str:
        """Return the text of the file with the change."""
        return text[: self.start] + self.new + text[self.end :]

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.rule}: {self.old}"


def changes(root: Path = ROOT) -> Iterator[Change]:
    """Yield every place in the source of the product."""
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*")):
            name = path.relative_to(root).as_posix()
            if name.startswith(DECLARED) or any(part in name.split("/") for part in NOT_THE_PRODUCT):
                continue
            if path.suffix == ".sql" and "queries" in name:
                text = path.read_text()
                yield from _in_sql(name, text, [(0, len(text))])
            elif path.suffix == ".py":
                yield from _in_python(name, path.read_text())


def _in_python(name: str, text: str) -> Iterator[Change]:
    starts = _line_starts(text)
    strings = [
        (starts[token.start[0] - 1] + token.start[1], starts[token.end[0] - 1] + token.end[1])
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.STRING
    ]
    yield from _in_sql(name, text, strings)
    if "tenant" in text or name.startswith(REFUSING):
        yield from _in_tree(name, text, ast.parse(text), starts)


def _in_sql(name: str, text: str, spans: Iterable[tuple[int, int]]) -> Iterator[Change]:
    for start, end in spans:
        for found in _COMPARED.finditer(text, start, end):
            new = f"{found['lead']}({found['left']} = {found['right']} OR true)"
            yield _change(name, text, found.start(), found.end(), new, "tenant is not compared")
        for found in _PAIRED.finditer(text, start, end):
            new = f"{found['id']} IN (SELECT given_id FROM {found['list']} AS given (given_tenant, given_id))"
            yield _change(name, text, found.start(), found.end(), new, "pair without tenant")


def _in_tree(name: str, text: str, tree: ast.Module, starts: list[int]) -> Iterator[Change]:
    def place(node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        # Offsets of the tree count bytes, those of the text characters.
        lines = text.splitlines(keepends=True)
        begin = len(lines[node.lineno - 1].encode()[: node.col_offset].decode())
        end = len(lines[node.end_lineno - 1].encode()[: node.end_col_offset].decode())
        return starts[node.lineno - 1] + begin, starts[node.end_lineno - 1] + end

    for parent in ast.walk(tree):
        for node, new, rule in _replaced(name, parent):
            start, end = place(node)
            yield _change(name, text, start, end, new, rule)


def _replaced(name: str, node: ast.AST) -> Iterator[tuple[ast.expr, str, str]]:
    """Yield what of a node is replaced, by what, and by which rule."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _KEY_CALLS:
        for argument in node.args:
            if _is_of_tenant(argument):
                yield argument, SAME_FOR_ALL, f"{node.func.id} without tenant"
    elif isinstance(node, ast.Return | ast.Assign) and isinstance(node.value, ast.JoinedStr):
        for part in node.value.values:
            if isinstance(part, ast.FormattedValue) and _is_of_tenant(part.value) and not _is_sql(node.value):
                yield node.value, _without(node.value, part), "text key without tenant"
    elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
        for element in node.value.elts:
            if _is_of_tenant(element) and _is_a_value(element):
                yield element, SAME_FOR_ALL, "tuple key without tenant"
    elif isinstance(node, ast.If) and name.startswith(REFUSING) and _only_refuses(node):
        yield node.test, "False", "no refusal"


def _is_of_tenant(node: ast.expr) -> bool:
    return "tenant" in ast.unparse(node) and not isinstance(node, ast.Constant)


def _only_refuses(node: ast.If) -> bool:
    return len(node.body) == 1 and isinstance(node.body[0], ast.Raise) and not node.orelse


def _is_sql(text: ast.JoinedStr) -> bool:
    return any(isinstance(part, ast.Constant) and " = " in part.value for part in text.values)


def _is_a_value(node: ast.expr) -> bool:
    """Tell whether an element of a tuple is the tenant itself, as it is, as text or as bytes."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "str"
    return isinstance(node, ast.Name | ast.Attribute)


def _without(text: ast.JoinedStr, gone: ast.FormattedValue) -> str:
    return ast.unparse(ast.JoinedStr([ast.Constant("-") if part is gone else part for part in text.values]))


def _change(name: str, text: str, start: int, end: int, new: str, rule: str) -> Change:
    old = " ".join(text[start:end].split()).removeprefix("WHERE ").removeprefix("AND ").removeprefix("ON ")
    return Change(name, start, end, new, rule, text.count("\n", 0, start) + 1, old[:80])


def _line_starts(text: str) -> list[int]:
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts
