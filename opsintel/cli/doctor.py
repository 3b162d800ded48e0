"""`opsintel doctor`: every setting, server and permission, each with its remedy."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from opsintel.cli.main import print_json
from opsintel.errors import OpsintelError, one_line
from opsintel.settings import Settings, load_settings

if TYPE_CHECKING:
    from opsintel.db.connect import DatabaseUrls

app = typer.Typer(add_completion=False)

LEAST_FREE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, how it is, and what to do."""

    check: str
    verdict: Literal["passed", "warning", "failed"]
    detail: str
    remedy: str = ""


@app.command()
def examine(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")] = False,
) -> None:
    """Check settings, servers, keys and permissions; exit code 1 when something fails."""
    findings = list(findings_of())
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            remedy = f" -> {one_line(finding.remedy)}" if finding.remedy else ""
            typer.echo(f"{finding.verdict:8}{finding.check}: {one_line(finding.detail)}{remedy}")
    if any(finding.verdict == "failed" for finding in findings):
        raise typer.Exit(1)


def findings_of() -> Iterator[Finding]:
    """Yield the findings of this installation; without usable settings only what is wrong with them."""
    try:
        settings = load_settings()
    except OpsintelError as error:
        yield Finding("settings", "failed", error.message, error.remedy)
        return
    yield Finding("settings", "passed", "every value can be used")
    yield from _secrets(settings)
    yield _guarded("data folder", lambda: _data_folder(settings))
    about_database = list(_database(settings))
    yield from about_database
    if about_database[0].verdict == "passed":
        yield from _master_keys(settings)
    yield from _broker(settings)
    yield from _redis(settings)
    yield _guarded("objects", lambda: _objects(settings))
    yield _guarded("embeddings", lambda: _embeddings(settings))
    yield from _service_account(settings)
    yield from _sign_on(settings)
    yield from _ports(settings)


def _guarded(check: str, examine_it: Callable[[], Finding]) -> Finding:
    try:
        return examine_it()
    except OpsintelError as error:
        return Finding(check, "failed", error.message, error.remedy)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return Finding(
            check, "failed", f"{place}{error.strerror or error}", "Set OPSINTEL_DATA_DIR to a folder of yours"
        )


def _secrets(settings: Settings) -> Iterator[Finding]:
    for name, read in (("MASTER_ENCRYPTION_KEY", settings.master_key), ("JWT_SECRET", settings.jwt_key)):
        try:
            read()
        except OpsintelError as error:
            yield Finding(name, "failed", error.message, error.remedy)
        else:
            yield Finding(name, "passed", "set")


def _data_folder(settings: Settings) -> Finding:
    folder = settings.data_dir
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        return Finding("data folder", "failed", f"{folder} cannot be written", "Set OPSINTEL_DATA_DIR")
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        return Finding("data folder", "warning", f"{folder} has {free >> 20} MB free", "Make room on the disk")
    return Finding("data folder", "passed", f"{folder}, {free >> 30} GB free")


def _database(settings: Settings) -> Iterator[Finding]:
    """Yield how the database is: its schema and, where that is the newest, its roles and catalogue."""
    from opsintel.db.connect import database_urls
    from opsintel.db.migrate import current_revision

    kind = "given by DB_URL" if settings.db_url else "embedded"
    catalogue: list[Finding] = []

    def examine_it() -> Finding:
        with database_urls(settings) as urls:
            current, newest = current_revision(urls.migration)
            if current != newest:
                detail = f"{kind}, schema at {current}, not {newest}"
                return Finding("database", "warning", detail, "Run `opsintel migrate`")
            catalogue.extend(_catalogue(urls))
        return Finding("database", "passed", f"{kind}, schema at {current}")

    yield _guarded("database", examine_it)
    yield from catalogue


def _catalogue(urls: DatabaseUrls) -> Iterator[Finding]:
    """Yield what the lint finds, roles apart from the rest; a line for each finding, or one that says there is none."""
    from opsintel.db.catalogue import examine_database
    from opsintel.db.lint import OF_ROLES, RULES

    try:
        broken = examine_database(urls)
    except OpsintelError as error:
        yield Finding("catalogue", "warning", error.message, error.remedy)
        return
    for check, rules in (("roles", OF_ROLES), ("catalogue", [rule for rule in RULES if rule not in OF_ROLES])):
        lines = [
            Finding(check, found.rule.weight, found.line(), found.rule.remedy)
            for found in broken
            if found.rule in rules
        ]
        yield from lines or [Finding(check, "passed", f"as declared, by {len(rules)} rules")]


def _master_keys(settings: Settings) -> Iterator[Finding]:
    from opsintel.crypto.master import MasterKeys
    from opsintel.crypto.rotation import census
    from opsintel.db.connect import database_urls
    from opsintel.db.engine import Database

    def examine_it() -> Finding:
        masters = MasterKeys.of(settings)
        with database_urls(settings) as urls, Database(urls.service) as database:
            counted = census(database, masters)
        if counted.unknown:
            return Finding(
                "master keys", "failed", f"{counted.unknown:,} data keys are under a key that is not at hand",
                "Set OPSINTEL_PREVIOUS_MASTER_KEYS to it, then run `opsintel keys rotate-master`",
            )  # fmt: skip
        if counted.previous:
            return Finding(
                "master keys", "warning", f"{counted.previous:,} data keys are under a previous key",
                "Run `opsintel keys rotate-master`",
            )  # fmt: skip
        return Finding("master keys", "passed", f"{counted.current:,} data keys, all under MASTER_ENCRYPTION_KEY")

    if settings.master_encryption_key is not None:
        yield _guarded("master keys", examine_it)


def _broker(settings: Settings) -> Iterator[Finding]:
    if settings.amqp_url is None:
        yield Finding("queue", "passed", "in PostgreSQL, as AMQP_URL is not set")
        return
    address = settings.amqp_url

    def examine_it() -> Finding:
        from opsintel.queue.rabbitmq import probe

        probe(address)
        return Finding("queue", "passed", "RabbitMQ stored and confirmed a message")

    yield _guarded("queue", examine_it)


def _redis(settings: Settings) -> Iterator[Finding]:
    if settings.redis_addr is None:
        yield Finding("limits and locks", "passed", "in PostgreSQL, as REDIS_ADDR is not set")
        return
    from opsintel.coordination.redis import RedisCoordinator

    with RedisCoordinator(settings) as redis:
        try:
            redis.probe()
        except OpsintelError as error:
            yield Finding("limits and locks", "warning", f"{error.message}; PostgreSQL does its part", error.remedy)
        else:
            yield Finding("limits and locks", "passed", f"Redis at {settings.redis_addr} answered")


def _objects(settings: Settings) -> Finding:
    from opsintel.ids import new_id
    from opsintel.objects.store import open_objects

    refuses = open_objects(settings).refuses_to_overwrite(new_id())
    where = f"bucket {settings.s3_bucket}" if settings.s3_bucket else "the data folder"
    again = "which refuses to overwrite" if refuses else "which writes the same bytes again where it should refuse"
    return Finding("objects", "passed", f"written to and read from {where}, {again}")


def _embeddings(settings: Settings) -> Finding:
    from opsintel.embeddings.choose import choose_embedder

    embedder, reason = choose_embedder(settings)
    if embedder is None:
        return Finding(
            "embeddings", "warning", f"the built-in lexical embedder is used: {reason}",
            "Set OPSINTEL_EMBEDDING_WEIGHTS to a folder with model.onnx and tokenizer.json",
        )  # fmt: skip
    return Finding("embeddings", "passed", embedder.name)


def _service_account(settings: Settings) -> Iterator[Finding]:
    check, path = "OPSINTEL_GOOGLE_SERVICE_ACCOUNT_FILE", settings.google_service_account_file
    if path is None:
        return
    remedy = "Name the JSON key of a Google service account"
    try:
        key = json.loads(path.read_bytes())
    except OSError as error:
        yield Finding(check, "failed", f"{path}: {error.strerror or error}", remedy)
    except ValueError:
        yield Finding(check, "failed", f"{path} is no JSON file", remedy)
    else:
        if isinstance(key, dict) and {"client_email", "private_key"} <= key.keys():
            yield Finding(check, "passed", f"the key of {key['client_email']}")
        else:
            yield Finding(check, "failed", f"{path} has no client_email and no private_key", remedy)


def _sign_on(settings: Settings) -> Iterator[Finding]:
    from opsintel.access.single_sign_on.provider import Provider

    provider = Provider.of(settings)
    if provider is None:
        return

    def examine_it() -> Finding:
        keys = asyncio.run(provider.probe())
        return Finding("single sign-on", "passed", f"{provider.issuer} answered, with {keys} keys")

    yield _guarded("single sign-on", examine_it)


def _ports(settings: Settings) -> Iterator[Finding]:
    for name, host, port in (
        ("API_ADDR", settings.api_host, settings.api_port),
        ("OPSINTEL_DAGSTER_PORT", "127.0.0.1", settings.dagster_port),
    ):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                yield _port_finding(name, host, port, error)
            else:
                yield Finding(name, "passed", f"port {port} is free")


def _port_finding(name: str, host: str, port: int, error: OSError) -> Finding:
    if error.errno == errno.EADDRINUSE:
        return Finding(name, "warning", f"port {port} is in use", "Fine while opsintel runs there")
    remedy = "Choose a port above 1023" if error.errno == errno.EACCES else "Name an address of this machine"
    return Finding(name, "failed", f"port {port} of {host} cannot be used: {error.strerror or error}", remedy)
