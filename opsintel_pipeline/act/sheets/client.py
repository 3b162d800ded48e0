"""The Google Sheets API as the exporter needs it: few requests, values as they are, retries with back-off.

Source: the discovery document of sheets v4, as the package google-api-python-client carries it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httplib2
from google.auth.exceptions import GoogleAuthError, TransportError
from google.oauth2.service_account import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from opsintel.coordination.contract import Coordinator
from opsintel.errors import CredentialError, InputError, UnavailableError
from opsintel_pipeline.act.rows import Cell
from opsintel_pipeline.act.sheets.pace import Kind, Pace

SCOPES = ("https://www.googleapis.com/auth/spreadsheets",)
RETRIES = 5
FIRST_PAUSE = 2.0
"""Seconds after a first failure; they double."""
LONGEST_RETRY_AFTER = 600.0
MAX_BYTES = 1_500_000
"""Google advises at most 2 MB a request."""


@dataclass(frozen=True, slots=True)
class Worksheet:
    """A tab of a spreadsheet: its id, its grid, and what stands in its header and key column."""

    id: int
    title: str
    rows: int
    columns: int
    header: list[str]
    keys: list[str]


class SheetsClient:
    """One spreadsheet, opened with a service account."""

    def __init__(
        self,
        service_account: bytes,
        spreadsheet_id: str,
        endpoint: str | None = None,
        *,
        coordinator: Coordinator,
        before_request: Callable[[], None] = lambda: None,
    ) -> None:
        """`coordinator` shares the account's budget; `before_request` may raise, and then nothing is sent."""
        try:
            information = json.loads(service_account)
            credentials = Credentials.from_service_account_info(information, scopes=SCOPES)  # type: ignore[no-untyped-call]
        except (ValueError, KeyError):
            raise CredentialError(
                "This is not the JSON key of a Google service account", remedy="Download one at the Google console"
            ) from None
        options = {"api_endpoint": endpoint} if endpoint else None
        service = build(
            "sheets", "v4", credentials=credentials, client_options=options, static_discovery=True,
            cache_discovery=False,
        )  # fmt: skip
        self._sheets = service.spreadsheets()
        self._id = spreadsheet_id
        self._pace = Pace(coordinator, credentials.service_account_email)
        self._before_request = before_request
        self.writes = 0

    def open_worksheet(self, title: str, key_column: str) -> Worksheet:
        """Return the tab of this name, made when it is not there, with its header and key column."""
        found = self._properties(title)
        if found is None:
            self._structure([{"addSheet": {"properties": {"title": title}}}])
            found = self._properties(title)
            assert found is not None
        grid = found["gridProperties"]
        header = self._values(f"{_quoted(title)}!1:1", "ROWS")
        place = header.index(key_column) + 1 if key_column in header else None
        keys = self._values(f"{_quoted(title)}!{column_name(place)}2:{column_name(place)}", "COLUMNS") if place else []
        return Worksheet(found["sheetId"], title, grid["rowCount"], grid["columnCount"], header, keys)

    def make_room(self, worksheet: Worksheet, rows: int, columns: int) -> None:
        """Add rows and columns where the grid is too small."""
        requests = [
            {"appendDimension": {"sheetId": worksheet.id, "dimension": dimension, "length": wanted - there}}
            for dimension, wanted, there in (("ROWS", rows, worksheet.rows), ("COLUMNS", columns, worksheet.columns))
            if wanted > there
        ]
        if requests:
            self._structure(requests)

    def hide_column(self, worksheet: Worksheet, column: int) -> None:
        """Hide a column (counted from 1)."""
        place = {"sheetId": worksheet.id, "dimension": "COLUMNS", "startIndex": column - 1, "endIndex": column}
        self._structure(
            [{"updateDimensionProperties": {"range": place, "properties": {"hiddenByUser": True},
                                            "fields": "hiddenByUser"}}]
        )  # fmt: skip

    def write(self, worksheet: Worksheet, blocks: Sequence[tuple[int, int, list[list[Cell]]]]) -> None:
        """Write blocks of cells as they are (never as formulas), in as few requests as their size allows."""
        page: list[dict[str, Any]] = []
        size = 0
        for row, column, cells in blocks:
            end = f"{column_name(column + len(cells[0]) - 1)}{row + len(cells) - 1}"
            item = {"range": f"{_quoted(worksheet.title)}!{column_name(column)}{row}:{end}", "values": cells}
            length = len(json.dumps(item))
            if page and size + length > MAX_BYTES:
                self._write_page(page)
                page, size = [], 0
            page.append(item)
            size += length
        if page:
            self._write_page(page)

    def _write_page(self, data: list[dict[str, Any]]) -> None:
        body = {"valueInputOption": "RAW", "data": data}
        self._run("write", self._sheets.values().batchUpdate(spreadsheetId=self._id, body=body))
        self.writes += 1

    def _structure(self, requests: list[dict[str, Any]]) -> None:
        self._run("write", self._sheets.batchUpdate(spreadsheetId=self._id, body={"requests": requests}))
        self.writes += 1

    def _properties(self, title: str) -> dict[str, Any] | None:
        answer = self._run("read", self._sheets.get(spreadsheetId=self._id, fields="sheets.properties"))
        return next((s["properties"] for s in answer.get("sheets", []) if s["properties"]["title"] == title), None)

    def _values(self, place: str, dimension: str) -> list[str]:
        request = self._sheets.values().get(spreadsheetId=self._id, range=place, majorDimension=dimension)
        answer = self._run("read", request)
        return [str(value) for value in (answer.get("values") or [[]])[0]]

    def _run(self, kind: Kind, request: Any) -> Any:
        """Send a request at the account's pace, again after passing faults: each says what the cells shall be."""
        for attempt in range(RETRIES + 1):
            self._pace.wait(kind)
            self._before_request()
            try:
                return self._send(request)
            except _Refused as refused:
                pause = FIRST_PAUSE * 2**attempt
                if attempt == RETRIES or (refused.retry_after or 0) > LONGEST_RETRY_AFTER:
                    raise UnavailableError(refused.message) from None
                if refused.is_budget:
                    self._pace.refused(kind, refused.retry_after or pause)
                else:
                    time.sleep(refused.retry_after or pause)
        raise AssertionError("the last attempt returns or raises")

    @staticmethod
    def _send(request: Any) -> Any:
        try:
            return request.execute()
        except HttpError as error:
            raise _translated(error) from None
        except TransportError as error:
            raise _Refused(f"Google's log-in cannot be reached: {error}") from None
        except GoogleAuthError as error:
            raise CredentialError(f"Google refuses the service account: {error}") from None
        except (OSError, httplib2.HttpLib2Error) as error:
            raise _Refused(f"Google Sheets cannot be reached: {error}") from None


class _Refused(UnavailableError):
    """A passing fault; `retry_after` is how long Google asked to wait."""

    def __init__(self, message: str, retry_after: float | None = None, *, is_budget: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.is_budget = is_budget


def column_name(number: int) -> str:
    """Return the letters of a column counted from 1: A, Z, AA."""
    name = ""
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def _quoted(title: str) -> str:
    return "'" + title.replace("'", "''") + "'"


def _translated(error: HttpError) -> Exception:
    status, reason = int(error.resp.status), str(error.reason)
    if status in (401, 403):
        return CredentialError(
            f"Google Sheets refuses access: {reason}", remedy="Share the spreadsheet with the service account's address"
        )
    if status == 404:
        return InputError("There is no such spreadsheet", remedy="Check the id in its address")
    if status == 429 or status >= 500:
        told = str(error.resp.get("retry-after", ""))
        retry_after = float(told) if told.isdecimal() else None
        return _Refused(f"Google Sheets answers {status}: {reason}", retry_after, is_budget=status == 429)
    return InputError(f"Google Sheets refuses the request: {reason}")
