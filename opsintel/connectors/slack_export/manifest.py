"""What the product needs to know of Slack export archives."""

from opsintel.connectors.contract import Manifest
from opsintel.connectors.files.base import PathConfig

MANIFEST = Manifest(
    kind="slack_export",
    title="Slack export",
    summary="The zip that a workspace owner downloads: channels.json, users.json, a folder a channel, a file a day.",
    config_model=PathConfig,
)
