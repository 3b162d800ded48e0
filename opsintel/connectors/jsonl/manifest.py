"""What the product needs to know of JSON Lines files."""

from opsintel.connectors.contract import Manifest
from opsintel.connectors.files.record import TableConfig

MANIFEST = Manifest(
    kind="jsonl",
    title="JSON Lines file",
    summary="One JSON object a line: tickets, messages or comments of any product.",
    config_model=TableConfig,
)
