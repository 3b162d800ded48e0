"""Takes records that are sent to us, signed by Standard Webhooks; there is nobody to ask for more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from opsintel.connectors.contract import (
    Bringing,
    Check,
    Connector,
    Cursor,
    Delivery,
    Failure,
    Pushed,
    ReadItem,
    Window,
)
from opsintel.connectors.files.record import find_columns, record_upsert
from opsintel.connectors.files.text import plain
from opsintel.connectors.ingest.manifest import MANIFEST, IngestConfig
from opsintel.connectors.ingest.parse import records_of
from opsintel.connectors.ingest.signature import verify
from opsintel.errors import InputError, ItemError


class IngestConnector(Connector, Pushed, Bringing):
    """Records of a program, a batch a request."""

    manifest = MANIFEST
    config: IngestConfig

    def check(self) -> Sequence[Check]:
        """Return nothing: nobody is asked."""
        return ()

    def read(self, stream: str, cursor: Cursor | None, until: datetime | None = None) -> Iterator[ReadItem]:
        """Yield nothing: records come by themselves."""
        del stream, cursor, until
        yield from ()

    def census(self, window: Window) -> Iterator[tuple[str, datetime | None]]:
        """Yield nothing: nobody can be asked what there is."""
        del window
        yield from ()

    def fetch(self, keys: Iterable[str]) -> Iterator[ReadItem]:
        """Yield nothing: what failed is sent again by whoever sent it."""
        del keys
        yield from ()

    @classmethod
    def receive(cls, headers: Mapping[str, str], body: bytes, secret: bytes, received_at: datetime) -> Delivery:
        """Verify a request and return it by its id; raises as `Pushed.receive` does."""
        delivery_id = verify(headers, body, secret, received_at)
        records_of(body)
        return Delivery(delivery_id, (delivery_id,))

    def items(self, delivery_id: str, body: bytes) -> Iterator[ReadItem]:
        """Yield the records of a body; one that cannot be used is a failure that names its place."""
        for number, record in enumerate(records_of(body), 1):
            place = f"{delivery_id} row {number}"
            try:
                if not isinstance(record, dict):
                    raise ItemError("no JSON object")
                yield record_upsert(record, find_columns(tuple(record), self.config.columns, ragged=True), place)
            except (ItemError, InputError) as error:
                yield Failure("row", place, plain(error.line()), retryable=False)
