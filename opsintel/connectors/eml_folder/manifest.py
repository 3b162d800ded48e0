"""What the product needs to know of folders of mail files."""

from opsintel.connectors.contract import Manifest
from opsintel.connectors.files.base import PathConfig

MANIFEST = Manifest(
    kind="eml_folder",
    title="Folder of mail files",
    summary="One mail a file (.eml, or any name whose content begins with a mail's header), with sub-folders.",
    config_model=PathConfig,
)
