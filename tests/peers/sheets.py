"""A Google Sheets server for tests: keeps cells, and refuses what Google's own discovery document does not describe.

The description is the one the package google-api-python-client carries (sheets.v4.json).
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

DESCRIPTION: dict[str, Any] = json.loads(
    resources.files("googleapiclient").joinpath("discovery_cache/documents/sheets.v4.json").read_text()
)
METHODS = {
    "get": DESCRIPTION["resources"]["spreadsheets"]["methods"]["get"],
    "batchUpdate": DESCRIPTION["resources"]["spreadsheets"]["methods"]["batchUpdate"],
    "values.get": DESCRIPTION["resources"]["spreadsheets"]["resources"]["values"]["methods"]["get"],
    "values.batchUpdate": DESCRIPTION["resources"]["spreadsheets"]["resources"]["values"]["methods"]["batchUpdate"],
}
GLOBAL_PARAMETERS = set(DESCRIPTION["parameters"])


class Spreadsheet:
    """The state behind the server: tabs with cells by (row, column), and what was asked."""

    def __init__(self) -> None:
        self.tabs: dict[str, dict[str, Any]] = {}
        self.cells: dict[str, dict[tuple[int, int], Any]] = {}
        self.writes = 0
        self.fail_next: list[int] = []
        self.lose_next_reply = False

    def add(self, title: str, rows: int = 1000, columns: int = 26) -> None:
        grid = {"rowCount": rows, "columnCount": columns}
        self.tabs[title] = {"sheetId": len(self.tabs), "title": title, "gridProperties": grid, "hidden": set()}
        self.cells[title] = {}

    def rows(self, title: str) -> list[list[Any]]:
        cells = self.cells[title]
        height = max((row for row, _ in cells), default=0)
        width = max((column for _, column in cells), default=0)
        return [[cells.get((r, c), "") for c in range(1, width + 1)] for r in range(1, height + 1)]


def check(schema: dict[str, Any], value: Any, place: str) -> None:
    """Raise ValueError where a value is not as the discovery document says."""
    if "$ref" in schema:
        schema = DESCRIPTION["schemas"][schema["$ref"]]
    kind = schema.get("type")
    if kind == "object":
        if not isinstance(value, dict):
            raise ValueError(f"{place} is not an object")
        for name, part in value.items():
            if name not in schema.get("properties", {}):
                raise ValueError(f"{place}.{name} is unknown")
            check(schema["properties"][name], part, f"{place}.{name}")
    elif kind == "array":
        if not isinstance(value, list):
            raise ValueError(f"{place} is not an array")
        for part in value:
            check(schema["items"], part, f"{place}[]")
    elif kind in ("integer", "number") and not isinstance(value, int | float):
        raise ValueError(f"{place} is not a number")
    elif kind == "string" and not isinstance(value, str):
        raise ValueError(f"{place} is not a string")
    if "enum" in schema and value not in schema["enum"]:
        raise ValueError(f"{place} is not one of the listed values")


class _Handler(BaseHTTPRequestHandler):
    spreadsheet: Spreadsheet

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        values = re.fullmatch(r"/v4/spreadsheets/[^/:]+/values/(.+)", parts.path)
        method = "values.get" if values else "get"
        if self._refused(METHODS[method], parse_qs(parts.query)):
            return
        if values:
            place, dimension = unquote(values.group(1)), parse_qs(parts.query).get("majorDimension", ["ROWS"])[0]
            self._answer(200, {"range": place, "values": self._read(place, dimension)})
        else:
            sheets = [
                {"properties": {k: v for k, v in tab.items() if k != "hidden"}}
                for tab in self.spreadsheet.tabs.values()
            ]
            self._answer(200, {"sheets": sheets})

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if parts.path == "/token":
            self._answer(200, {"access_token": "token", "expires_in": 3600, "token_type": "Bearer"})
            return
        method = "values.batchUpdate" if parts.path.endswith("/values:batchUpdate") else "batchUpdate"
        if self._refused(METHODS[method], parse_qs(parts.query)):
            return
        content = json.loads(body)
        try:
            check(METHODS[method]["request"], content, "body")
        except ValueError as error:
            self._answer(400, {"error": {"code": 400, "message": str(error), "status": "INVALID_ARGUMENT"}})
            return
        self.spreadsheet.writes += 1
        (self._write if method == "values.batchUpdate" else self._structure)(content)
        if self.spreadsheet.lose_next_reply:
            self.spreadsheet.lose_next_reply = False
            self.connection.close()
            return
        self._answer(200, {})

    def _refused(self, method: dict[str, Any], query: dict[str, list[str]]) -> bool:
        if self.spreadsheet.fail_next:
            code = self.spreadsheet.fail_next.pop(0)
            self._answer(code, {"error": {"code": code, "message": "told to fail", "status": "UNAVAILABLE"}})
            return True
        unknown = set(query) - set(method["parameters"]) - GLOBAL_PARAMETERS
        if unknown or self.headers.get("Authorization") != "Bearer token":
            self._answer(400 if unknown else 401, {"error": {"code": 400, "message": f"refused {unknown}"}})
            return True
        return False

    def _read(self, place: str, dimension: str) -> list[list[Any]]:
        title, first, last = _range(place)
        cells = self.spreadsheet.cells[title]
        found = {
            at: value for at, value in cells.items()
            if first[0] <= at[0] <= last[0] and first[1] <= at[1] <= last[1] and value != ""
        }  # fmt: skip
        if not found:
            return []
        if dimension == "COLUMNS":
            height = max(row for row, _ in found)
            return [[cells.get((row, first[1]), "") for row in range(first[0], height + 1)]]
        width = max(column for _, column in found)
        return [[cells.get((first[0], column), "") for column in range(1, width + 1)]]

    def _write(self, content: dict[str, Any]) -> None:
        assert content["valueInputOption"] == "RAW"
        for item in content["data"]:
            title, first, last = _range(item["range"])
            grid = self.spreadsheet.tabs[title]["gridProperties"]
            assert last[0] <= grid["rowCount"]
            assert last[1] <= grid["columnCount"]
            for row, values in enumerate(item["values"], first[0]):
                for column, value in enumerate(values, first[1]):
                    self.spreadsheet.cells[title][(row, column)] = value

    def _structure(self, content: dict[str, Any]) -> None:
        by_id = {tab["sheetId"]: tab for tab in self.spreadsheet.tabs.values()}
        for request in content["requests"]:
            if "addSheet" in request:
                self.spreadsheet.add(request["addSheet"]["properties"]["title"])
            elif "appendDimension" in request:
                wanted = request["appendDimension"]
                name = "rowCount" if wanted["dimension"] == "ROWS" else "columnCount"
                by_id[wanted["sheetId"]]["gridProperties"][name] += wanted["length"]
            elif "updateDimensionProperties" in request:
                place = request["updateDimensionProperties"]["range"]
                by_id[place["sheetId"]]["hidden"].add(place["startIndex"] + 1)

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _range(place: str) -> tuple[str, tuple[int, int], tuple[int, int]]:
    title, _, cells = place.rpartition("!")
    first, _, last = cells.partition(":")
    return title.strip("'").replace("''", "'"), _cell(first, 1), _cell(last or first, 10_000_000)


def _cell(name: str, otherwise: int) -> tuple[int, int]:
    letters, digits = re.fullmatch(r"([A-Z]*)(\d*)", name).groups()  # type: ignore[union-attr]
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(digits or otherwise), column or otherwise


@contextmanager
def sheets_server(spreadsheet: Spreadsheet) -> Iterator[str]:
    """Run the server; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"spreadsheet": spreadsheet}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
