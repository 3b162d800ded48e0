"""The built dashboard, served from memory: compressed copies, cache headers, a policy with hashes for each page."""

from __future__ import annotations

import json
import mimetypes
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from fastapi import Request, Response

FOLDER = Path(__file__).parent / "web"
NOT_BUILT = b"<!doctype html><title>opsintel</title><p>The dashboard is not built. Run <code>make setup</code>.</p>"
_DYNAMIC = re.compile(r"^issues/[^/]+/(index\.(?:html|txt))$")
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))


@dataclass(frozen=True)
class WebFile:
    """A file of the export with its compressed copies by encoding."""

    content: bytes
    encoded: dict[str, bytes]
    media_type: str
    etag: str


class Dashboard:
    """All files of the export; they are about 3 MB."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): _load(path)
            for path in (folder.rglob("*") if folder.is_dir() else ())
            if path.is_file() and path.suffix not in (".br", ".gz") and path.name not in (".built", "csp.json")
        }
        policies = folder / "csp.json"
        self._hashes: dict[str, list[str]] = json.loads(policies.read_text()) if policies.is_file() else {}

    def answer(self, request: Request) -> Response:
        """Return the page or file of a path; a page without its slash is redirected, an unknown one is 404."""
        path = request.url.path.lstrip("/")
        name = self._name(path)
        if name is None and self._name(f"{path}/") is not None:
            return Response(status_code=307, headers={"Location": f"/{path}/"})
        status = 200 if name is not None else 404
        name = name or "404.html"
        file = self._files.get(name)
        if file is None:
            return Response(NOT_BUILT, 503 if not self._files else 404, media_type="text/html")
        return self._response(request, name, file, status)

    def _name(self, path: str) -> str | None:
        wanted = f"{path}index.html" if path == "" or path.endswith("/") else path
        if wanted in self._files:
            return wanted
        shared = _DYNAMIC.match(wanted)
        return f"issues/_/{shared[1]}" if shared and f"issues/_/{shared[1]}" in self._files else None

    def _response(self, request: Request, name: str, file: WebFile, status: int) -> Response:
        headers = {"ETag": file.etag, "Vary": "Accept-Encoding"}
        immutable = name.startswith("_next/static/")
        headers["Cache-Control"] = "public, max-age=31536000, immutable" if immutable else "no-cache"
        if name.endswith(".html"):
            headers["Content-Security-Policy"] = self._policy(name)
        if status == 200 and request.headers.get("if-none-match") == file.etag:
            return Response(status_code=304, headers=headers)
        accepted = {part.partition(";")[0].strip() for part in request.headers.get("accept-encoding", "").split(",")}
        content = file.content
        for encoding, _ in _ENCODINGS:
            if encoding in accepted and encoding in file.encoded:
                content = file.encoded[encoding]
                headers["Content-Encoding"] = encoding
                break
        return Response(content, status, headers, media_type=file.media_type)

    def _policy(self, name: str) -> str:
        hashes = " ".join(f"'{value}'" for value in self._hashes.get(name, []))
        return (
            f"default-src 'self'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
            " connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )


def _load(path: Path) -> WebFile:
    content = path.read_bytes()
    encoded = {
        encoding: path.with_name(path.name + ending).read_bytes()
        for encoding, ending in _ENCODINGS
        if path.with_name(path.name + ending).is_file()
    }
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return WebFile(content, encoded, media_type, f'"{sha256(content).hexdigest()[:32]}"')
