"""The listener of a process's metrics, apart from any port that people reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import start_http_server
from prometheus_client.registry import Collector

from opsintel.errors import InputError
from opsintel.metrics.counted import REGISTRY


@contextmanager
def serving_metrics(address: str | None, variable: str, collectors: Sequence[Collector] = ()) -> Iterator[int | None]:
    """Answer GET /metrics at an address (None: nowhere) meanwhile, and yield the port.

    Raises `InputError` for an address that cannot be listened on.
    """
    if address is None:
        yield None
        return
    host, _, port = address.rpartition(":")
    for collector in collectors:
        REGISTRY.register(collector)
    try:
        server, thread = _listen(host.strip("[]") or "0.0.0.0", int(port), variable)  # noqa: S104  `:9464` means all
        try:
            yield int(server.server_port)
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
    finally:
        for collector in collectors:
            REGISTRY.unregister(collector)


def _listen(host: str, port: int, variable: str) -> tuple[WSGIServer, Thread]:
    try:
        return start_http_server(port, host, registry=REGISTRY)
    except OSError as error:
        raise InputError(
            f"Port {port} of {host} cannot be used ({error.strerror})",
            remedy=f"Stop what listens there, or set {variable}",
        ) from None
