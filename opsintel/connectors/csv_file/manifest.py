"""What the product needs to know of CSV files."""

from opsintel.connectors.contract import Manifest
from opsintel.connectors.files.record import TableConfig

MANIFEST = Manifest(
    kind="csv_file",
    title="CSV file",
    summary="A table with a header line: tickets, messages or comments of any product.",
    config_model=TableConfig,
)
