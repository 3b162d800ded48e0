"""The built dashboard, served from memory: compressed copies, caching, a policy for each page's inline scripts."""

from __future__ import annotations

import hashlib
import json
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from opsintel_api import problems
from opsintel_api.middleware import API_POLICY, page_policy

WEB = Path(__file__).parent / "web"
POLICIES = "csp.json"
BUILT = ".built"
"""Mark of the build; not served."""
HOW_TO_BUILD = (
    b"The dashboard is not built. In a checkout, `make setup` builds it; the API under /v1 works without it.\n"
)
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
_TYPES = {".js": "text/javascript", ".svg": "image/svg+xml", ".woff2": "font/woff2", ".txt": "text/plain"}
_ANY = "_"
"""A folder of this name in the export stands for any one segment: `issues/_/` serves `/issues/<id>/`."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of the dashboard with its compressed copies and headers."""

    contents: dict[str, bytes]
    headers: dict[str, str]


class Dashboard:
    """ASGI application for every path that is no route: files of the built dashboard, problems under /v1."""

    def __init__(self, folder: Path = WEB) -> None:
        self._files = _read(folder)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that no route has taken."""
        if scope["type"] != "http":
            return
        await self.answer(Request(scope))(scope, receive, send)

    def answer(self, request: Request) -> Response:
        """Return the file of a path, a redirect to the page's own address, or why there is none."""
        path = request.url.path
        if path == "/v1" or path.startswith("/v1/"):
            return problems.response(request, 404, problems.NOT_FOUND)
        if request.method != "GET":
            return problems.response(request, 405, "Method Not Allowed", headers={"Allow": "GET, HEAD"})
        if not self._files:
            return Response(HOW_TO_BUILD, 503, media_type="text/plain")
        file = self._find(path)
        if file is None and not path.endswith("/") and self._find(path + "/"):
            return RedirectResponse(request.url.replace(path=path + "/", scheme="", netloc=""), 307)
        found = file or self._files.get("404.html")
        if found is None:
            return problems.response(request, 404, problems.NOT_FOUND)
        return _response(request, found, 200 if file else 404)

    def _find(self, path: str) -> File | None:
        if path.startswith("//"):  # a redirect to it would lead to another host (RFC 3986 section 4.2)
            return None
        name = path.lstrip("/") + ("index.html" if path.endswith("/") else "")
        if name in self._files:
            return self._files[name]
        parts = name.split("/")
        for place in range(len(parts) - 1):
            general = "/".join([*parts[:place], _ANY, *parts[place + 1 :]])
            if parts[place] and general in self._files:
                return self._files[general]
        return None


@cache
def dashboard() -> Dashboard:
    """Return the dashboard that was built, read once: its files are those of the release."""
    return Dashboard()


def _read(folder: Path) -> dict[str, File]:
    if not (folder / "index.html").is_file():
        return {}
    policies = json.loads((folder / POLICIES).read_text()) if (folder / POLICIES).is_file() else {}
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or name in (POLICIES, BUILT) or path.suffix in (".br", ".gz"):
            continue
        contents = {"": path.read_bytes()}
        for encoding, suffix in _ENCODINGS:
            copy = path.with_name(path.name + suffix)
            if copy.is_file():
                contents[encoding] = copy.read_bytes()
        files[name] = File(contents, _headers(name, contents[""], policies.get(name, [])))
    return files


def _headers(name: str, content: bytes, script_hashes: list[str]) -> dict[str, str]:
    suffix = PurePosixPath(name).suffix
    kind = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    forever = name.startswith("_next/static/")
    headers = {
        "Content-Type": f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        "Cache-Control": "public, max-age=31536000, immutable" if forever else "no-cache",
        "ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        "Vary": "Accept-Encoding",
        "Content-Security-Policy": page_policy(script_hashes) if suffix == ".html" else API_POLICY,
    }
    return headers


def _response(request: Request, file: File, status: int) -> Response:
    if status == 200 and file.headers["ETag"] in [
        tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")
    ]:
        return Response(status_code=304, headers=file.headers)
    encoding = _encoding(request.headers.get("accept-encoding", ""), file)
    headers = file.headers | ({"Content-Encoding": encoding} if encoding else {})
    return Response(file.contents[encoding], status, headers)


def _encoding(accepted: str, file: File) -> str:
    """Return the best encoding that the client takes and the file has (RFC 9110 section 12.5.3)."""
    taken = {}
    for entry in accepted.lower().split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        refused = any(part.replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000") for part in parameters)
        taken[name] = not refused
    for encoding, _ in _ENCODINGS:
        if encoding in file.contents and taken.get(encoding, taken.get("*", False)):
            return encoding
    return ""
