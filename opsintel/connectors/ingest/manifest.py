"""What the product needs to know of programs that send records themselves."""

from pydantic import BaseModel, ConfigDict, Field

from opsintel.connectors.contract import Manifest
from opsintel.connectors.files.record import Columns


class IngestConfig(BaseModel):
    """What the names in a record mean."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: Columns = Field(default_factory=Columns, description="Name of each field, where it is not found by itself")


MANIFEST = Manifest(
    kind="ingest",
    title="Webhook",
    summary="Records of any program, sent to an address of this installation and signed (Standard Webhooks).",
    config_model=IngestConfig,
    push_title="Standard Webhooks",
)
