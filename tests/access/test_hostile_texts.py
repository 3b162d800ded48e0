"""Checks 48, 56, 58: texts that want to be a script, a line of the log, or a header."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from urllib.parse import quote

import httpx
import pytest
from starlette.requests import Request

from opsintel.db.engine import Database
from opsintel.errors import InputError, OpsintelError
from opsintel.logs import setup
from opsintel.net.client import open_client
from opsintel.net.policy import Policy
from opsintel.settings import Settings
from opsintel_api import problems
from opsintel_api.dashboard import POLICIES, WEB, Dashboard
from opsintel_api.middleware import API_POLICY
from tests.access.attack import Api
from tests.access.hostile_texts import CONTROLS, SCRIPTS, STEERING
from tests.access.network import PUBLIC, Network, network, scripted_server
from tests.normalize.mails import HEAD, multipart, part, read
from tests.seeding import Seeded

__all__ = ["network"]
pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES = sorted(path.relative_to(WEB).as_posix() for path in WEB.rglob("*.html"))
API_PATHS = [
    ("GET", "/v1/me", 401), ("GET", "/v1/nothing", 404), ("DELETE", "/v1/me", 405), ("POST", "/v1/auth/login", 422),
    ("GET", "/healthz", 200), ("GET", "/readyz", 200), ("GET", "/v1", 404),
]  # fmt: skip
SITE_PATHS = [("GET", "/", 200), ("GET", "/issues/", 200), ("GET", "/issues", 307), ("GET", "/nothing/", 404),
              ("POST", "/", 405), ("HEAD", "/", 200), ("GET", "/%00", 404)]  # fmt: skip


class Scripts(HTMLParser):
    """The scripts written into a page, and whatever else in it would run."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.sources: list[str] = []
        self.other: list[str] = []
        self._within = False
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "script":
            self._within = "src" not in given
            if not self._within:
                self.sources.append(given["src"] or "")
        self.other += [f"{tag} {name}" for name in given if name.startswith("on") or name == "srcdoc"]
        self.other += [
            f"{tag} {value}" for value in given.values() if re.match(r"\s*(javascript|data:text)", value or "")
        ]
        self.other += [tag] if tag in ("base", "object", "embed", "iframe", "frame", "applet") else []

    def handle_data(self, data: str) -> None:
        if self._within:
            self.inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._within = self._within and tag != "script"


def directives(policy: str) -> dict[str, list[str]]:
    return {words[0]: words[1:] for part in policy.split(";") if (words := part.split())}


def require_safe(response: httpx.Response) -> None:
    """Require the headers that keep a browser from running what an answer holds."""
    policy = directives(response.headers["content-security-policy"])
    scripts = policy.get("script-src", policy["default-src"])
    assert all(word in ("'self'", "'none'") or word.startswith("'sha256-") for word in scripts)
    assert policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
    assert policy.get("object-src", policy["default-src"]) == ["'none'"]
    assert policy["form-action"] in (["'none'"], ["'self'"])
    assert "*" not in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-frame-options"] == "DENY"


class TestPolicy:
    @pytest.mark.parametrize(("method", "path", "status"), [*API_PATHS, *SITE_PATHS])
    async def test_check_48_every_answer_has_a_policy_without_inline_script(self, api: Api, method, path, status):
        response = await api.client.request(method, path)
        assert response.status_code == status
        require_safe(response)

    async def test_check_48_also_faults_and_refusals_have_it(self, api: Api, monkeypatch: pytest.MonkeyPatch):
        too_large = await api.client.post("/v1/auth/login", content=b"x" * 1_000_001)
        assert too_large.status_code == 413
        require_safe(too_large)

        async def broken(*_: object) -> None:
            raise RuntimeError("<script>alert(1)</script>")

        monkeypatch.setattr("opsintel_api.auth.sessions.find_account", broken)
        fault = await api.client.post("/v1/auth/login", json={"email": "a@b.example", "password": "a long password"})
        assert fault.status_code == 500
        assert "<script>" not in fault.text
        require_safe(fault)

    async def test_check_48_files_of_the_dashboard_have_it(self, api: Api):
        for name in ("icon.svg", *(path.relative_to(WEB).as_posix() for path in sorted(WEB.rglob("*.js"))[:3])):
            response = await api.client.get(f"/{name}")
            require_safe(response)
            assert response.status_code in (200, 404)

    @pytest.mark.parametrize("name", PAGES)
    async def test_check_48_the_scripts_of_a_page_are_those_of_its_policy(self, name: str):
        file = Dashboard()._files[name]
        found = Scripts(file.contents[""].decode())
        hashes = {
            f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in found.inline
        }
        allowed = set(directives(file.headers["Content-Security-Policy"])["script-src"])
        assert (
            allowed - {"'self'"} == hashes == {f"'{value}'" for value in json.loads((WEB / POLICIES).read_text())[name]}
        )
        assert found.inline
        assert all(source.startswith("/_next/static/") for source in found.sources)
        assert found.other == []

    async def test_check_48_there_are_pages(self):
        assert len(PAGES) > 10


class TestScripts:
    @pytest.mark.parametrize("script", SCRIPTS, ids=ascii)
    async def test_check_48_text_is_json_that_no_browser_takes_for_a_page(
        self, api: Api, acme: Seeded, database: Database, script: str
    ):
        message, issue = acme.messages[0], acme.issues["tax"]
        with database.tenant_tx(acme.tenant_id) as connection:
            connection.execute("UPDATE message SET subject = %s, text = %s WHERE id = %s", (script, script, message))
            connection.execute("UPDATE issue SET title = %s, summary = %s WHERE id = %s", (script, script, issue))
        for path in (f"/v1/messages/{message}", f"/v1/issues/{issue}", "/v1/messages", "/v1/issues", "/v1/overview"):
            response = await api.owner("GET", path, headers={"Accept": "text/html,*/*"})
            assert response.status_code == 200
            assert response.headers["content-type"] == "application/json"
            assert response.headers["content-security-policy"] == API_POLICY
            assert response.headers["x-content-type-options"] == "nosniff"
        detail = (await api.owner("GET", f"/v1/messages/{message}")).json()
        assert (detail["subject"], detail["text"]) == (script, script)

    @pytest.mark.parametrize("script", SCRIPTS, ids=ascii)
    async def test_check_48_a_page_in_a_mail_becomes_text_without_tags(self, script: str):
        body = f"<html><body><p>before</p>{script}<p>after</p></body></html>".encode()
        text = read(HEAD + b"Content-Type: text/html; charset=utf-8\n\n" + body).text
        assert not re.search(r"<\s*(script|img|svg|iframe|a|style|math)\b", text, re.IGNORECASE)
        assert "before" in text

    async def test_check_48_a_problem_repeats_a_script_in_json_only(self, api: Api):
        for script in SCRIPTS:
            response = await api.client.get(f"/v1/{quote(script, safe='')}", headers={"Accept": "text/html"})
            assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
            require_safe(response)


@contextmanager
def logged(settings: Settings, form: str) -> Iterator[io.StringIO]:
    root, uvicorn = logging.getLogger(), logging.getLogger("uvicorn.access")
    before = root.handlers[:], root.level
    written = io.StringIO()
    setup.configure_logging("api", settings.model_copy(update={"log_format": form, "log_level": "INFO"}), written)
    try:
        yield written
    finally:
        root.handlers[:], root.level = before
        uvicorn.propagate = True


def require_plain(written: str, lines: int) -> None:
    """Require so many lines that steer no terminal and pretend nothing."""
    assert not set(written) & (STEERING - {"\n"})
    assert written.endswith("\n")
    assert written.count("\n") == lines
    assert not [line for line in written.splitlines() if line.startswith("ERROR forged")]


class TestLogs:
    @pytest.mark.parametrize("form", ["json", "text"])
    @pytest.mark.parametrize("name", sorted(CONTROLS))
    async def test_check_56_a_line_stays_one_line_whatever_stands_in_it(self, settings: Settings, form, name):
        text = CONTROLS[name]
        with logged(settings, form) as written:
            logging.getLogger("opsintel.mail").warning("%s in %r: %s", text, {text: text}, InputError(text).line())
            logging.getLogger("uvicorn.access").info('%s - "GET %s"', text, f"/{text}?q={text}")
            logging.getLogger(text).warning("logger %s", text)
        require_plain(written.getvalue(), 3)

    @pytest.mark.parametrize("name", sorted(CONTROLS))
    async def test_check_56_what_an_error_says_never_looks_like_a_line_of_its_own(self, settings: Settings, name: str):
        text = CONTROLS[name]
        for form in ("json", "text"):
            with logged(settings, form) as written:
                try:
                    raise ValueError(text) from OpsintelError(text)
                except ValueError:
                    logging.getLogger("opsintel").exception("failed at %s", text)
            first, *more = written.getvalue().splitlines()
            assert "failed at" in first
            assert all(line.startswith("  | ") for line in more)
            require_plain(written.getvalue(), len(more) + 1)

    @pytest.mark.parametrize("name", sorted(set(CONTROLS) - {"surrogate"}))  # which no server makes of a path
    async def test_check_56_paths_of_requests_steer_no_terminal(self, settings: Settings, name: str):
        scope = {"type": "http", "method": "GET", "path": f"/v1/{CONTROLS[name]}", "headers": [], "query_string": b"",
                 "server": ("localhost", 80), "scheme": "http"}  # fmt: skip
        with logged(settings, "text") as written:
            await problems._unexpected(Request(scope), ValueError(CONTROLS[name]))
        assert not set(written.getvalue()) & (STEERING - {"\n"})
        assert all(line.startswith("  | ") for line in written.getvalue().splitlines()[1:])

    @pytest.mark.parametrize("name", sorted(CONTROLS))
    async def test_check_56_subjects_and_names_of_files_are_kept_without_controls(self, name: str):
        text = CONTROLS[name].encode("utf-8", "replace")
        encoded = b"=?utf-8?b?" + base64.b64encode(text) + b"?="
        fields = b"Content-Disposition: attachment; filename*=utf-8''" + quote(text).encode() + b"\n"
        message = read(b"Subject: " + encoded + b"\n" + multipart(b"mixed", part(b"x", b"application/pdf", fields)))
        for kept in (message.subject, *(attached.filename for attached in message.attachments)):
            assert not set(kept) & {chr(code) for code in (*range(32), *range(0x7F, 0xA0), *range(0xD800, 0xE000))}


BREAKS = ["\r\nX-Injected: 1", "\nX-Injected: 1", "\rX-Injected: 1", "\r\n\r\n<script>", "\x00", "\x85X-Injected: 1",
          "\u2028X-Injected: 1", "\u560d\u560aX-Injected: 1", "%0d%0aX-Injected: 1", "\\r\\nX-Injected: 1"]  # fmt: skip


def require_no_header(response: httpx.Response) -> None:
    assert "x-injected" not in response.headers
    for name, value in response.headers.raw:
        assert not re.search(rb"[\x00-\x1f\x7f]", name + value)


class TestHeaders:
    @pytest.mark.parametrize("text", BREAKS, ids=ascii)
    async def test_check_58_no_value_of_a_request_becomes_a_header(self, api: Api, text: str):
        within = quote(text, safe="")
        for path in (f"/issues/{within}", f"/issues/{within}/x", f"/{within}", f"/issues%2f{within}",
                     f"/v1/issues/{within}",
                     f"/v1/issues?cursor={within}", f"/v1/search?q={within}", f"//{within}/issues"):  # fmt: skip
            for response in (await api.client.get(path), await api.owner("GET", path)):
                assert response.status_code < 500
                require_no_header(response)
                assert not response.headers.get("location", "/").startswith(("//", "/\\", "http"))
        raw = text.encode("utf-8")
        for name in (b"X-Request-ID", b"If-None-Match", b"Origin", b"Accept-Encoding", b"Cookie", b"Accept-Language"):
            response = await api.client.get("/", headers=[(name, raw)])
            require_no_header(response)
            assert raw.strip(b"\x00 ") not in [value for _, value in response.headers.raw]

    @pytest.mark.parametrize("path", ["//issues", "//login", "///issues", "//issues/x", "/\\issues", "//evil.example"])
    async def test_check_58_a_redirect_stays_on_this_host(self, api: Api, path: str):
        response = await api.client.get(f"http://localhost{path}")
        assert response.status_code == 404
        assert "location" not in response.headers

    @pytest.mark.parametrize("text", BREAKS[:3], ids=ascii)
    async def test_check_58_the_guarded_client_sends_no_header_that_breaks(self, network: Network, text: str):
        policy = Policy(schemes=frozenset({"http"}), ports=frozenset({80}))
        with scripted_server(lambda exchange: exchange.answer()) as (port, received):
            network.names["models.example"] = [[PUBLIC]]
            network.servers[PUBLIC] = port
            with open_client(policy) as client:
                for headers in ({"X-Key": f"a{text}"}, {f"X{text}": "a"}):
                    with pytest.raises(InputError):
                        client.get("http://models.example/", headers=headers)
            assert received == []
