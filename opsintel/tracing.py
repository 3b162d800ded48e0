"""The trace: one id from the page that brought a message to the row that was exported because of it.

It is made where a page is accepted, goes with its announcement through outbox, queue and ledger, and is in the lines
that processes log meanwhile. `opsintel trace` follows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from opsintel.ids import new_id

TRACE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Trace:
    """What is being worked on: the trace, and the tenant's short name where there is one."""

    trace_id: str = ""
    tenant: str = ""


_current: ContextVar[Trace] = ContextVar("opsintel_trace", default=Trace())  # noqa: B039  it is frozen


def new_trace_id() -> str:
    """Return a new id: 32 hexadecimal digits that sort by time, as W3C trace ids are written."""
    return new_id().hex


def current() -> Trace:
    """Return what is being worked on."""
    return _current.get()


@contextmanager
def tracing(trace_id: str, tenant: str = "") -> Iterator[Trace]:
    """Let everything that is logged, announced and exported within belong to a trace."""
    trace = Trace(trace_id, tenant)
    token = _current.set(trace)
    try:
        yield trace
    finally:
        _current.reset(token)
