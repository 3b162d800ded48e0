"""Import a path of a person's: find its kind, make its source, read it, count it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from opsintel.connectors.detect import detect_kind
from opsintel.connectors.files.text import bounded
from opsintel.connectors.registry import connector_class
from opsintel.context import Context
from opsintel.errors import InputError, one_line
from opsintel.sources.source import Source, ensure_source
from opsintel.tenants import create_tenant
from opsintel_pipeline.ingest.census import take_census
from opsintel_pipeline.ingest.feed import run_feed
from opsintel_pipeline.ingest.retry import retry_failed_days
from opsintel_pipeline.ingest.schedule import set_poll

NAME_LIMIT = 200
"""Characters of the name of a source."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import brought: its source, and items, failures and days in figures."""

    source: Source
    added: int
    changed: int
    failures: int
    days: int

    def figures(self) -> dict[str, object]:
        """Return everything for machines: {source, kind, added, changed, failures, days}."""
        return {
            "source": str(self.source.id),
            "kind": self.source.kind,
            "added": self.added,
            "changed": self.changed,
            "failures": self.failures,
            "days": self.days,
        }


def import_file(
    context: Context,
    path: Path,
    tenant_slug: str,
    *,
    kind: str | None = None,
    name: str | None = None,
    own_domains: tuple[str, ...] = (),
    poll_seconds: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Imported:
    """Read a path into a tenant and return what it brought.

    Days of the tenant that the stages had given up are tried again. With `poll_seconds` a running worker reads the path
    again and again from now on; 0 ends that.
    Raises `InputError` for a path that is missing or of no kind we read, before anything is stored.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist", remedy="Check the path")
    place = _storable(path.resolve())
    kind = kind or detect_kind(path)
    config = {"path": place}
    connector = connector_class(kind)
    connector(connector.manifest.config_model.model_validate(config)).check_usable()
    tenant = create_tenant(context.database, tenant_slug, tenant_slug, own_domains=own_domains)
    shown = one_line(name or "") or one_line(path.resolve().name) or place
    source = ensure_source(context.database, tenant.id, kind, shown[:NAME_LIMIT], config, config_key=bounded(place))
    result = run_feed(context, tenant, source, progress)
    counted = take_census(context, tenant, source)
    retry_failed_days(context, tenant.id)
    if poll_seconds is not None:
        set_poll(context.database, source, poll_seconds or None)
    return Imported(
        source,
        added=result.added + counted.added,
        changed=result.changed + counted.changed,
        failures=result.failures + counted.failures,
        days=len(result.days | counted.days),
    )


def _storable(path: Path) -> str:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise InputError(f"{path} has a name that is not UTF-8", remedy="Rename it") from None
    return str(path)
