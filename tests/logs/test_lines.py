"""Log lines: one line each, in the format asked for, without secrets and addresses wherever they were planted."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from urllib.parse import quote, unquote

import pytest

from opsintel import tracing
from opsintel.logs import setup
from opsintel.logs.redact import HIDDEN, Redactor, secrets_of
from opsintel.settings import Settings, load_settings

MASTER = base64.b64encode(bytes(range(32))).decode()
JWT = "a-canary/of=Kestrel+Ochre unlikely vQ9zRw"
PASSWORD = "canary-pass%2Fword"
CANARY = "CANARY7731"

ENVIRONMENT = {
    "DB_URL": f"postgresql://opsintel:{PASSWORD}@db.internal/opsintel",
    "AMQP_URL": "amqp://user:canary-rabbit@mq.internal:5672/",
    "MASTER_ENCRYPTION_KEY": MASTER,
    "JWT_SECRET": JWT,
    "OPSINTEL_S3_SECRET_ACCESS_KEY": "canary-s3-secret",
    "OPSINTEL_REDIS_PASSWORD": "canary-redis",
    "OPSINTEL_LOG_FORMAT": "json",
}


@pytest.fixture
def settings() -> Settings:
    return load_settings(ENVIRONMENT)


class Written(io.StringIO):
    """What a process wrote."""

    def lines(self) -> list[str]:
        return self.getvalue().splitlines()


@contextmanager
def logging_as(settings: Settings) -> Iterator[Written]:
    """Log as a process does; logging is as it was at the end."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = Written()
    setup.configure_logging("worker", settings, written)
    try:
        yield written
    finally:
        root.handlers[:], root.level = handlers, level
        logging.captureWarnings(False)


log = logging.getLogger("opsintel.test")

KNOWN = [MASTER, JWT, PASSWORD, "canary-rabbit", "canary-s3-secret", "canary-redis"]


class TestKnownSecrets:
    @pytest.mark.parametrize("secret", KNOWN)
    @pytest.mark.parametrize(
        "form",
        [
            str,
            lambda secret: quote(secret, safe=""),
            lambda secret: json.dumps({"value": secret}),
            lambda secret: base64.b64encode(secret.encode()).decode(),
            lambda secret: base64.urlsafe_b64encode(b"x" + secret.encode() + b"yz").decode(),
            lambda secret: base64.b64encode(b"xy" + secret.encode() + b"z").decode(),
        ],
    )
    def test_are_hidden_in_every_form(self, settings: Settings, secret: str, form: Callable[[str], str]) -> None:
        written = f"it said {form(secret)} twice"
        hidden = Redactor(secrets_of(settings))(written)
        core = secret[3:-3]
        assert HIDDEN in hidden
        for part in (core, quote(core, safe=""), base64.b64encode(core.encode()).decode()[2:-4]):
            assert part not in hidden
        assert Redactor()(written) == written or secret == MASTER or "***" in Redactor()(written)

    def test_are_all_secrets_of_the_settings(self, settings: Settings) -> None:
        assert set(secrets_of(settings)) == {*KNOWN, unquote(PASSWORD)}


class TestWhatLooksLikeASecret:
    @pytest.mark.parametrize(
        "text",
        [
            f"Authorization: Bearer {CANARY}abc",
            f"authorization: Basic {CANARY}==",
            f"{{'Authorization': 'Bearer {CANARY}'}}",
            f"[('authorization', 'Bearer {CANARY}')]",
            f"Cookie: a=b; refresh={CANARY}",
            f"set-cookie: session={CANARY}; HttpOnly",
            f"X-Api-Key: {CANARY}",
            f"x-slack-signature: v0={CANARY}",
            f"postgresql://someone:{CANARY}@host/db is away",
            f"redis://:{CANARY}@host",
            f"connect failed: host=x password={CANARY} user=y",
            f"password='{CANARY} with words'",
            f'{{"client_secret": "{CANARY}"}}',
            f"PGPASSWORD={CANARY}",
            f"refresh_token={CANARY}&grant=x",
            f"api-key: {CANARY}",
            f"eyJ{CANARY}.eyJ{CANARY}.{CANARY}",
            f"sk-ant-{CANARY}xyz",
            f"xoxb-1234-{CANARY}",
            f"AKIA{CANARY}ABCD",
            f"AIza{CANARY}0123456789abcdefgh",
            f"ya29.{CANARY}",
            f"ghp_{CANARY}0123456789",
            f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----",
            f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}",
            f"{CANARY.lower()}@customer.example wrote",
            f"Jane <jane.{CANARY}@customer.example>",
            f"mailto:jane%40{CANARY}.example.org",
        ],
    )
    def test_is_hidden(self, text: str) -> None:
        assert CANARY.lower() not in Redactor()(text).lower()

    @pytest.mark.parametrize(
        "text",
        [
            "RabbitMQ at mq:5672 cannot be reached (Connection refused)",
            "500 partitions through all stages, 0 failed",
            "messages of 2026-11-23|acme failed: ValueError at opsintel_pipeline.normalize.mime:44",
            "postgresql://db.internal/opsintel is away",
            "Check the token's age, and that the secret is set",
        ],
    )
    def test_and_nothing_else_is(self, text: str) -> None:
        assert Redactor()(text) == text


class TestALine:
    def test_is_json_with_time_level_process_trace_and_tenant(self, settings: Settings) -> None:
        trace_id = tracing.new_trace_id()
        with logging_as(settings) as written:
            with tracing.tracing(trace_id, "acme"):
                log.warning("waiting %.1f s", 2.5)
            log.info("done")
        first, second = (json.loads(line) for line in written.lines())
        assert first["message"] == "waiting 2.5 s"
        assert (first["level"], first["process"], first["pid"]) == ("WARNING", "worker", os.getpid())
        assert (first["logger"], first["trace_id"], first["tenant"]) == ("opsintel.test", trace_id, "acme")
        assert first["time"].endswith("Z")
        assert datetime.fromisoformat(first["time"]).tzinfo is not None
        assert "trace_id" not in second

    def test_hides_secrets_in_arguments_tracebacks_and_causes(self, settings: Settings) -> None:
        with logging_as(settings) as written:
            try:
                try:
                    raise ValueError(f"login with {JWT} refused")
                except ValueError as cause:
                    raise OSError(f"Authorization: Bearer {CANARY}") from cause
            except OSError:
                log.exception("failed for %s at %s", "jane@customer.example", ENVIRONMENT["DB_URL"])
        (line,) = written.lines()
        assert "Traceback" in json.loads(line)["error"]
        for planted in (JWT, CANARY, "jane", PASSWORD):
            assert planted not in line

    def test_is_one_line_whatever_is_in_it(self, settings: Settings) -> None:
        with logging_as(settings) as written:
            log.error("subject: %s", "a\nINFO forged\r\x1b[31m\u2028\u202e\x00\ud800")
        (line,) = written.lines()
        assert line.isascii()
        assert line.isprintable()

    def test_as_text_keeps_to_its_line_as_well(self, settings: Settings) -> None:
        with (
            logging_as(settings.model_copy(update={"log_format": "text"})) as written,
            tracing.tracing("f" * 32, "acme"),
        ):
            log.error("subject: %s", "a\nINFO forged \x1b[31m\u202e")
        (line,) = written.lines()
        assert f"ERROR opsintel.test [acme {'f' * 32}]: subject: a INFO forged \\x1b[31m\\u202e" in line

    def test_whose_arguments_do_not_fit_is_written_all_the_same(self, settings: Settings) -> None:
        with logging_as(settings) as written:
            log.error("only %s of %s", 1)
        assert json.loads(written.lines()[0])["message"] == "only %s of %s"


class TestOthersLoggers:
    def test_write_through_the_same_formatter(self, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
        for name in setup.TAKEN_OVER:
            logging.getLogger(name).setLevel(logging.CRITICAL)
            logging.getLogger(name).addHandler(logging.StreamHandler(sys.stderr))
        with logging_as(settings) as written:
            for name in setup.TAKEN_OVER:
                logging.getLogger(name).error("key=%s", "x-" + MASTER)
        assert [json.loads(line)["logger"] for line in written.lines()] == list(setup.TAKEN_OVER)
        assert MASTER not in written.getvalue()
        assert capsys.readouterr().err == ""

    def test_of_access_show_no_search(self, settings: Settings) -> None:
        access = logging.getLogger("uvicorn.access")
        access.setLevel(logging.INFO)
        with logging_as(settings) as written:
            access.info('%s - "%s %s HTTP/%s" %d', "10.0.0.1:9", "GET", f"/v1/search?q={CANARY}+refund", "1.1", 200)
        message = json.loads(written.lines()[0])["message"]
        assert message == '10.0.0.1:9 - "GET /v1/search HTTP/1.1" 200'

    @pytest.mark.parametrize("name", setup.QUIET)
    def test_of_http_clients_show_no_addresses(self, settings: Settings, name: str) -> None:
        with logging_as(settings) as written:
            logging.getLogger(name).info("HTTP Request: POST https://hooks.example.com/T0/%s", CANARY)
            logging.getLogger(f"{name}.connection").debug("connect_tcp.started host=%s", CANARY)
            logging.getLogger(name).warning("heard")
        assert [json.loads(line)["message"] for line in written.lines()] == ["heard"]


class TestAProcess:
    @pytest.mark.parametrize("module", ["opsintel_pipeline.worker", "opsintel_api"])
    def test_logs_by_this_set_up(self, module: str) -> None:
        program = (
            "import logging, runpy, sys\n"
            "import opsintel.db.connect as connect\n"
            "def away(settings):\n"
            "    logging.getLogger('x').error('at %s', settings.db_url)\n"
            "    sys.exit(0)\n"
            "connect.database_urls = away\n"
            f"runpy.run_module('{module}', run_name='__main__')\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], env={"PATH": os.environ["PATH"], **ENVIRONMENT},
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        line = json.loads(done.stderr.splitlines()[-1])
        assert line["message"] == f"at postgresql://opsintel:{HIDDEN}@db.internal/opsintel"
