"""Every other way from tenant to tenant; and what belongs to none, in which nothing of any may stand."""

from __future__ import annotations

import io
import logging

import pytest
from fastapi import FastAPI
from prometheus_client import generate_latest

from opsintel.logs.setup import configure_logging
from opsintel.metrics.counted import REGISTRY
from opsintel.metrics.stored import StoredGauges
from opsintel_api.openapi import openapi_document
from tests.isolation.asgi import Asked, send
from tests.isolation.attacks import operations
from tests.isolation.canaries import Scanner
from tests.isolation.probes import EVERY_CHANNEL
from tests.isolation.routes import Trial
from tests.isolation.world import Channel, World


class TestAChannel:
    @pytest.mark.parametrize("channel", EVERY_CHANNEL, ids=lambda channel: channel.__name__)
    async def test_keeps_tenants_apart(self, world: World, app: FastAPI, scanner: Scanner, channel: Channel) -> None:
        await channel(world, app, scanner)
        assert scanner.foreign == []


class TestWhatIsNobodys:
    @pytest.fixture
    async def lines(self, world: World, app: FastAPI) -> str:
        """What the API writes into its log while it answers each route, some of it with faults."""
        stream, root = io.StringIO(), logging.getLogger()
        kept, level = root.handlers[:], root.level
        try:
            configure_logging("api", world.settings, stream)
            root.setLevel(logging.DEBUG)
            trial = Trial(world, app, world.scanner())
            for operation in operations():
                if operation.reads and operation.is_protected:
                    await trial.ask_for_own(world.tenants[0], operation)
                    await trial.ask_for_others(*world.pairs[0], operation)
            logging.getLogger("uvicorn.access").info('"GET /v1/search?q=%s HTTP/1.1" 200', world.tenants[0].canary)
            return stream.getvalue()
        finally:
            root.handlers[:] = kept
            root.setLevel(level)

    async def test_log_lines_hold_nothing_of_any_tenant(self, lines: str, scanner: Scanner) -> None:
        assert "uvicorn.access" in lines
        for line in lines.splitlines():
            scanner.scan("log line", line.encode(), [])
        assert scanner.foreign == []

    async def test_metrics_hold_nothing_of_any_tenant(self, world: World, app: FastAPI, scanner: Scanner) -> None:
        trial = Trial(world, app, world.scanner())
        await trial.ask_for_own(world.tenants[0], operations()[0])
        REGISTRY.register(gauges := StoredGauges(world.database))
        try:
            scanner.scan("metrics", generate_latest(REGISTRY), [])
        finally:
            REGISTRY.unregister(gauges)
        assert scanner.bytes_seen > 1000
        assert scanner.foreign == []

    async def test_open_answers_hold_nothing_of_any_tenant(self, app: FastAPI, scanner: Scanner) -> None:
        for path in ("/healthz", "/readyz", "/v1/auth/options", "/", "/login/", "/no/such/page"):
            for method in ("GET", "HEAD", "OPTIONS"):
                scanner.scan(path, (await send(app, Asked(method, path))).everything, [])
        assert scanner.foreign == []

    def test_the_document_holds_nothing_of_any_tenant(self, scanner: Scanner) -> None:
        scanner.scan("OpenAPI", repr(openapi_document()).encode(), [])
        assert scanner.foreign == []
