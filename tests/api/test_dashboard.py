"""The built dashboard as the API serves it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from opsintel_api.app import build_api
from opsintel_api.dashboard import Dashboard

PAGE = b"<!doctype html><script>start()</script>" + b"<p>overview</p>" * 50
HASH = "sha256-abc="


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An export as the build leaves it."""
    files = {
        "index.html": PAGE,
        "index.html.gz": gzip.compress(PAGE),
        "index.html.br": b"brotli bytes",
        "404.html": b"nothing here",
        "issues/index.html": b"list",
        "issues/_/index.html": b"one issue",
        "issues/_/index.txt": b"payload",
        "_next/static/chunk.js": b"code()",
        "icon.svg": b"<svg/>",
        "csp.json": json.dumps({"index.html": [HASH]}).encode(),
        ".built": b"",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path.parent / "secret.txt").write_text("outside")
    return tmp_path


def browser(folder: Path) -> httpx.AsyncClient:
    app: FastAPI = build_api()
    app.router.default = Dashboard(folder)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


class TestPages:
    @pytest.mark.parametrize(
        ("path", "content"),
        [
            ("/", PAGE),
            ("/issues/", b"list"),
            ("/issues/01993c5e-7c00-7000-8000-000000000001/", b"one issue"),
            ("/issues/01993c5e-7c00-7000-8000-000000000001/index.txt", b"payload"),
        ],
    )
    async def test_a_path_is_a_page(self, folder: Path, path, content):
        response = await browser(folder).get(path, headers={"Accept-Encoding": "identity"})
        assert (response.status_code, response.content) == (200, content)

    async def test_a_page_without_its_slash_is_redirected_within_the_site(self, folder: Path):
        response = await browser(folder).get("/issues?state=open", headers={"Host": "localhost:81"})
        assert (response.status_code, response.headers["location"]) == (307, "/issues/?state=open")

    async def test_two_slashes_lead_nowhere_else(self, folder: Path):
        response = await browser(folder).get("//evil.example/..")
        assert response.headers.get("location", "/").startswith("/")
        assert not response.headers.get("location", "/").startswith("//")

    @pytest.mark.parametrize(
        "path", ["/nothing/", "/../secret.txt", "/%2e%2e/secret.txt", "/csp.json", "/.built", "/issues/a/b/", "/_/"]
    )
    async def test_what_is_no_page_is_404(self, folder: Path, path):
        response = await browser(folder).get(path)
        assert (response.status_code, response.content) == (404, b"nothing here")

    async def test_only_reading_is_allowed(self, folder: Path):
        response = await browser(folder).post("/issues/")
        assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")

    async def test_head_tells_the_length_and_sends_nothing(self, folder: Path):
        response = await browser(folder).head("/", headers={"Accept-Encoding": "identity"})
        assert (response.status_code, response.content) == (200, b"")
        assert response.headers["content-length"] == str(len(PAGE))


class TestHeaders:
    async def test_scripts_run_by_hash_only(self, folder: Path):
        policy = (await browser(folder).get("/")).headers["content-security-policy"]
        assert f"script-src 'self' '{HASH}';" in policy
        assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]

    async def test_pages_are_asked_for_again_and_chunks_are_kept(self, folder: Path):
        async with browser(folder) as client:
            page, chunk = await client.get("/"), await client.get("/_next/static/chunk.js")
            assert page.headers["cache-control"] == "no-cache"
            assert chunk.headers["cache-control"] == "public, max-age=31536000, immutable"
            again = await client.get("/", headers={"If-None-Match": page.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")

    @pytest.mark.parametrize(
        ("accepted", "encoding"),
        [
            ("gzip", "gzip"),
            ("br, gzip", "br"),
            ("*", "br"),
            ("br;q=0, gzip", "gzip"),
            ("identity", None),
            ("", None),
        ],
    )
    async def test_compressed_copies_go_to_those_who_take_them(self, folder: Path, accepted, encoding):
        async with browser(folder) as client, client.stream("GET", "/", headers={"Accept-Encoding": accepted}) as found:
            assert found.headers.get("content-encoding") == encoding
            assert found.headers["vary"] == "Accept-Encoding"


class TestNotBuilt:
    async def test_it_says_how_to_build_and_the_api_answers(self, tmp_path: Path):
        async with browser(tmp_path) as client:
            page = await client.get("/")
            assert page.status_code == 503
            assert "make setup" in page.text
            assert (await client.get("/healthz")).status_code == 200
            assert (await client.get("/v1/nothing")).status_code == 404
