"""The connectors there are, found by their folder: `connectors/<kind>/{manifest,connector}.py`.

A folder's `manifest.py` holds `MANIFEST`, whose kind is the folder's name; its `connector.py` holds one `Connector`.
"""

from __future__ import annotations

import inspect
from datetime import datetime
from functools import cache
from importlib import import_module
from pathlib import Path

from opsintel.connectors.contract import Connector, Manifest
from opsintel.errors import InputError
from opsintel.filters.plan import Plan, local_plan
from opsintel.filters.syntax import Node

_PACKAGE = "opsintel.connectors"


@cache
def kinds() -> tuple[str, ...]:
    """Return the kinds of source, in alphabetical order."""
    folders = (path.parent for path in Path(__file__).parent.glob("*/connector.py"))
    return tuple(sorted(folder.name for folder in folders if (folder / "manifest.py").is_file()))


@cache
def all_manifests() -> tuple[Manifest, ...]:
    """Return the manifest of every connector, without importing their clients."""
    return tuple(import_module(f"{_PACKAGE}.{kind}.manifest").MANIFEST for kind in kinds())


@cache
def connector_class(kind: str) -> type[Connector]:
    """Return the connector of a kind; `InputError` names the kinds there are when there is none of this name."""
    if kind not in kinds():
        raise InputError(f"There is no source of the kind {kind!r}", remedy=f"Use one of {', '.join(kinds())}")
    module = import_module(f"{_PACKAGE}.{kind}.connector")
    (found,) = (
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, Connector) and member.__module__ == module.__name__
    )
    return found


def plan_of_kind(kind: str, tree: Node, now: datetime) -> Plan:
    """Return what providers of a kind evaluate of a filter, as far as that is known without an account there."""
    found = connector_class(kind)
    if found.manifest.credential_model is None:
        return local_plan(tree)
    return found(found.manifest.config_model.model_construct()).plan(tree, now)
