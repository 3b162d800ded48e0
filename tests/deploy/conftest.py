from __future__ import annotations

import base64
import os
import secrets

import pytest

from tests.deploy.compose import variables


@pytest.fixture(scope="session")
def surroundings() -> dict[str, str]:
    """A value for every variable that must be given, as a person puts them into .env."""
    wanted = {variable.name for variable in variables() if variable.complaint is not None}
    made = {name: secrets.token_hex(24) for name in wanted}
    return made | {"MASTER_ENCRYPTION_KEY": base64.b64encode(os.urandom(32)).decode()}
