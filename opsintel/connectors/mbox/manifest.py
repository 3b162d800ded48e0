"""What the product needs to know of mbox files."""

from opsintel.connectors.contract import Manifest
from opsintel.connectors.files.base import PathConfig

MANIFEST = Manifest(
    kind="mbox",
    title="mbox file",
    summary="One file of mails, as Thunderbird, Apple Mail, mutt and Google Takeout write it.",
    config_model=PathConfig,
)
