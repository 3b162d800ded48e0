"""A change of the source, made in the running process and taken back.

The changed module is compiled; the code of the function that holds the change is put into the living function, so it
holds wherever the function was imported. A constant of a module is computed anew, and set wherever it was imported.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from tests.isolation.mutants.source import ROOT, Change


class CannotApply(Exception):
    """The change stands where this way does not reach."""


@contextmanager
def applied(change: Change) -> Iterator[None]:
    """Let the product have the change meanwhile."""
    with _in_sql_file(change) if change.file.endswith(".sql") else _in_module(change):
        yield


@contextmanager
def _in_module(change: Change) -> Iterator[None]:
    path = ROOT / change.file
    changed = change.apply(path.read_text())
    module = importlib.import_module(change.file.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    top = next(n for n in ast.parse(changed).body if n.lineno <= change.line <= (n.end_lineno or n.lineno))
    if isinstance(top, ast.Assign | ast.AnnAssign):
        with _constant(module, top):
            yield
        return
    function, name = _function(module, top, change.line)
    code = _code_of(compile(changed, str(path), "exec", dont_inherit=True), name)
    sound = function.__code__
    if code is None or code.co_freevars != sound.co_freevars:
        raise CannotApply(str(change))
    function.__code__ = code
    try:
        yield
    finally:
        function.__code__ = sound


def _function(module: ModuleType, top: ast.stmt, line: int) -> tuple[FunctionType, str]:
    """Return the living function that holds a line, and its qualified name."""
    if isinstance(top, ast.FunctionDef | ast.AsyncFunctionDef):
        return _bare(getattr(module, top.name)), top.name
    if isinstance(top, ast.ClassDef):
        for member in top.body:
            is_function = isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef)
            if is_function and member.lineno <= line <= (member.end_lineno or member.lineno):
                return _bare(vars(getattr(module, top.name))[member.name]), f"{top.name}.{member.name}"
    raise CannotApply(f"{module.__name__}:{line}")


def _bare(found: Any) -> FunctionType:
    """Return the function within a property, a class method, a context manager or a cache."""
    found = getattr(found, "fget", None) or getattr(found, "__func__", None) or found
    while hasattr(found, "__wrapped__"):
        found = found.__wrapped__
    assert isinstance(found, FunctionType)
    return found


def _code_of(code: CodeType, name: str) -> CodeType | None:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_qualname == name:
                return constant
            if (found := _code_of(constant, name)) is not None:
                return found
    return None


@contextmanager
def _constant(module: ModuleType, node: ast.Assign | ast.AnnAssign) -> Iterator[None]:
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    if not isinstance(target, ast.Name) or node.value is None:
        raise CannotApply(f"{module.__name__}:{node.lineno}")
    sound = getattr(module, target.id)
    changed = eval(compile(ast.Expression(node.value), module.__name__, "eval"), vars(module))
    holders = [m for m in list(sys.modules.values()) if getattr(m, "__dict__", {}).get(target.id) is sound]
    for holder in holders:
        setattr(holder, target.id, changed)
    try:
        yield
    finally:
        for holder in holders:
            setattr(holder, target.id, sound)


@contextmanager
def _in_sql_file(change: Change) -> Iterator[None]:
    from opsintel_api import reading

    sound = reading.resources
    reading.resources = _Resources(change)  # type: ignore[assignment]
    reading.statement.cache_clear()
    try:
        yield
    finally:
        reading.resources = sound
        reading.statement.cache_clear()


class _Resources:
    """Stands in for importlib.resources: one file of it reads otherwise."""

    def __init__(self, change: Change) -> None:
        self._change = change

    def files(self, package: str) -> _Folder:
        return _Folder(Path(str(resources.files(package))), self._change)


class _Folder:
    def __init__(self, path: Path, change: Change) -> None:
        self._path, self._change = path, change

    def joinpath(self, name: str) -> _Folder:
        return _Folder(self._path / name, self._change)

    def read_text(self) -> str:
        text = self._path.read_text()
        is_it = self._path == ROOT / self._change.file
        return self._change.apply(text) if is_it else text
