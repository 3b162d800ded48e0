"""The twelve stores of an installation, read as a thief would: every byte, by clients of their own."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import pika
import redis

from opsintel.db.server_programs import ServerPrograms
from opsintel.queue.topology import QUEUES
from opsintel.tenants import Tenant
from tests.erasure.forms import occurrences
from tests.erasure.world import World
from tests.peers.redis import PASSWORD

STORES = (
    "objects", "events", "analyses", "embeddings", "issues", "sheets", "outbox", "rabbitmq", "redis", "dagster",
    "audit", "backups",
)  # fmt: skip

_OF = {
    "analyses": ("analysis", "correction", "review_item", "learned_rule", "gold_example"),
    "embeddings": ("embedding", "embedding_model", "category_model"),
    "issues": ("issue", "issue_member", "issue_constraint", "issue_event", "fact_"),
    "sheets": ("export_",),
    "outbox": ("outbox", "queue_message", "work", "batch", "job", "quarantine"),
    "audit": ("audit_", "erasure"),
    "redis": ("rate_limit", "named_lock"),
}
"""Tables of each store, by their names or how these begin; all others are events and people."""

_COPY = re.compile(r"COPY \w+\.\"?(\w+)\"? ")


def store_of(table: str) -> str:
    """Return the store that a table belongs to."""
    for store, names in _OF.items():
        if any(table == name or (name.endswith("_") and table.startswith(name)) for name in names):
            return store
    return "events"


def dumped(url: str) -> list[tuple[str, bytes]]:
    """Return (table, row) of a whole database as pg_dump writes it; whatever is no row is of the table ''."""
    done = ServerPrograms(Path("/")).client("pg_dump", f"--dbname={url}", environment={})
    assert done.returncode == 0, done.stderr
    lines, table = [], ""
    for line in done.stdout.splitlines():
        found = _COPY.match(line)
        table = found[1] if found else "" if line == "\\." else table
        if not line.startswith(("\\restrict", "\\unrestrict")):  # a random word of each dump
            lines.append((table, line.encode()))
    return lines


def read(world: World) -> dict[str, bytes]:
    """Return every byte of each store, without what is the other tenant's."""
    others = [str(tenant.id).encode() for slug, tenant in world.tenants.items() if slug != "acme"]
    parts: dict[str, list[bytes]] = defaultdict(list)
    for table, line in dumped(world.admin_url):
        if not any(other in line for other in others):
            parts[store_of(table)].append(line)
    for path in (world.settings.data_dir / "objects").rglob("*"):
        if path.is_file() and not any(other in str(path).encode() for other in others):
            parts["objects"] += [str(path).encode(), path.read_bytes()]
    for title, cells in world.spreadsheet.cells.items():
        if title != "other":
            parts["sheets"] += [str(value).encode() for value in cells.values()]
    parts["rabbitmq"] = queued(world)
    parts["redis"] += kept_in_redis(world)
    parts["dagster"] = [line for _, line in dumped(world.environment["OPSINTEL_DAGSTER_DB_URL"])]
    parts["dagster"] += [path.read_bytes() for path in world.dagster_home.rglob("*") if path.is_file()]
    for backup in world.repository.backups():
        parts["backups"] += [path.read_bytes() for path in backup.folder.glob("*.json")]
    return {store: b"\n".join(parts[store]) for store in STORES}


def queued(world: World) -> list[bytes]:
    """Return what waits in the queues; it goes on waiting."""
    found = []
    with pika.BlockingConnection(pika.URLParameters(world.settings.amqp_url)) as connection:
        channel = connection.channel()
        for queue in QUEUES:
            while True:
                method, properties, body = channel.basic_get(queue.name)
                if method is None:
                    break
                found.append(f"{properties}".encode() + body)
    return found  # unacknowledged, they are queued again as the connection ends


def kept_in_redis(world: World) -> list[bytes]:
    """Return every key of Redis with its value."""
    host, _, port = (world.settings.redis_addr or "").partition(":")
    with redis.Redis(host=host, port=int(port), password=PASSWORD) as client:
        return [key + b"=" + repr(_value(client, key)).encode() for key in client.scan_iter()]


def _value(client: redis.Redis, key: bytes) -> object:
    kind = client.type(key)
    return client.hgetall(key) if kind == b"hash" else client.get(key)


def counted(stores: dict[str, bytes], identifiers: Iterable[str]) -> dict[str, Counter[str]]:
    """Return how often each identifier stands in each store."""
    wanted = list(identifiers)
    return {store: occurrences(content, wanted) for store, content in stores.items()}


def of_tenant(world: World, tenant: Tenant) -> dict[str, bytes]:
    """Return every row, object and cell of a tenant, by where it is."""
    found: dict[str, list[bytes]] = defaultdict(list)
    for table, line in dumped(world.admin_url):
        if str(tenant.id).encode() in line:
            found[table].append(line)
    for path in (world.settings.data_dir / "objects").rglob("*"):
        if path.is_file() and str(tenant.id) in str(path):
            found[str(path)].append(path.read_bytes())
    found["sheet"] = [repr(sorted(world.spreadsheet.cells.get(tenant.slug, {}).items())).encode()]
    return {place: b"\n".join(sorted(lines)) for place, lines in found.items()}
