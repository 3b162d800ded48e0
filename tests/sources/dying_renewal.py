"""A process that waits for its provider in the middle of a renewal, to be killed there."""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from uuid import UUID

from opsintel.connectors.connection import Credential
from opsintel.crypto.keyring import Keyring
from opsintel.crypto.master import MasterKeys
from opsintel.db.engine import Database
from opsintel.sources.credentials import Credentials


def wait_for_the_end(held: Credential) -> Credential:
    sys.stdout.write("exchanging\n")
    sys.stdout.flush()
    time.sleep(600)
    return held


if __name__ == "__main__":
    given = json.loads(os.environ["RENEWAL"])
    with Database(given["url"]) as database:
        masters = MasterKeys(base64.b64decode(os.environ["MASTER_ENCRYPTION_KEY"]))
        credentials = Credentials(database, Keyring(database, masters))
        tenant_id, secret_id = UUID(given["tenant"]), UUID(given["secret"])
        held = credentials.open(tenant_id, secret_id)
        credentials.renewed(tenant_id, secret_id, held, wait_for_the_end)
