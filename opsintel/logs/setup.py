"""The one set-up of logging, for every process: what is logged anywhere goes through one redacting formatter."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from textwrap import indent
from typing import TextIO

from opsintel import tracing
from opsintel.errors import STEERING, one_line
from opsintel.logs.redact import Redactor, secrets_of
from opsintel.settings import Settings

TAKEN_OVER = ("uvicorn", "uvicorn.access", "uvicorn.error", "dagster", "py.warnings")
"""Loggers that bring handlers and levels of their own, which would write around the formatter and the settings."""

QUIET = ("httpx", "httpcore")
"""Loggers that write whole addresses, and webhooks' addresses are secrets: heard from WARNING on."""

_WITHIN = "  | "
"""Before each line of a traceback: what an error says, with line breaks in it, never looks like a line of its own."""
_QUERY = re.compile(r"\?[^\s\"']*")
_FRAME_CONTROLS = re.compile(f"[\x00-\x08\x0b-\x1f{STEERING}]")


class LineFormatter(logging.Formatter):
    """Formats a record as one redacted line of JSON, or as text for people."""

    def __init__(self, process: str, redact: Redactor, *, as_json: bool) -> None:
        super().__init__()
        self._process = process
        self._redact = redact
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. Control characters in it are written out; nothing in it is a secret."""
        message = self._redact(_message(record))
        trace = self._redact(_traceback(self, record))
        worked_on = tracing.current()
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        moment = moment.removesuffix("+00:00") + "Z"
        if self._as_json:
            fields = {
                "time": moment,
                "level": record.levelname,
                "process": self._process,
                "pid": record.process,
                "logger": record.name,
                "message": message,
                "trace_id": worked_on.trace_id,
                "tenant": worked_on.tenant,
                "error": trace,
            }
            return json.dumps({name: value for name, value in fields.items() if value not in ("", None)})
        where = f" [{' '.join(part for part in (worked_on.tenant, worked_on.trace_id) if part)}]"
        name = one_line(record.name)
        line = f"{moment} {record.levelname} {name}{where if where != ' []' else ''}: {one_line(message)}"
        return f"{line}\n{indent(trace, _WITHIN, lambda _: True)}" if trace else line


def _message(record: logging.LogRecord) -> str:
    try:
        message = record.getMessage()
    except (TypeError, ValueError, KeyError):
        message = str(record.msg)  # its arguments do not fit it
    # What people look for is content: an access log shows the path alone.
    return _QUERY.sub("", message) if record.name == "uvicorn.access" else message


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    text = formatter.formatException(record.exc_info) if record.exc_info else record.exc_text or ""
    if record.stack_info:
        text = f"{text}\n{record.stack_info}".strip()
    return _FRAME_CONTROLS.sub(lambda found: ascii(found.group())[1:-1], text)


def configure_logging(process: str, settings: Settings, stream: TextIO | None = None) -> None:
    """Send everything that this process logs to a stream (standard error), in the format of the settings.

    `process` names it in each line. Calling it again replaces what it set up before.
    """
    target = stream or sys.stderr
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not target.isatty())
    handler = logging.StreamHandler(target)
    handler.setFormatter(LineFormatter(process, Redactor(secrets_of(settings)), as_json=as_json))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for name in TAKEN_OVER:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)
        logger.propagate = True
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
