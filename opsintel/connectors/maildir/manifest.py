"""What the product needs to know of Maildir folders."""

from opsintel.connectors.contract import Manifest
from opsintel.connectors.files.base import PathConfig

MANIFEST = Manifest(
    kind="maildir",
    title="Maildir",
    summary="A folder with cur and new, one file a mail, as Dovecot, mutt and offlineimap keep it.",
    config_model=PathConfig,
)
