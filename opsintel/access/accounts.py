"""Accounts of people, and their memberships."""

from __future__ import annotations

from uuid import UUID

from opsintel.access.passwords import hash_password
from opsintel.access.roles import ROLES, Role
from opsintel.db.engine import Database
from opsintel.errors import InputError
from opsintel.ids import new_id


def create_user(database: Database, email: str, name: str, password: str, tenant_id: UUID, role: Role) -> UUID:
    """Return the id of the account of this address, made when it is not there yet, as a member of the tenant.

    An account that exists keeps its name and password; its role in the tenant becomes `role`. Raises `InputError` for
    an unusable address, password or role.
    """
    address = normalized_email(email)
    if role not in ROLES:
        raise InputError(f"'{role}' is no role", remedy=f"Choose one of {', '.join(ROLES)}")
    hashed = hash_password(password)
    with database.system_tx() as connection:
        connection.execute(
            "INSERT INTO app_user (id, email, name, password_hash) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (email) DO NOTHING",
            (new_id(), address, name, hashed),
        )
        row = connection.execute("SELECT id FROM app_user WHERE email = %s", (address,)).fetchone()
        assert row is not None
        user_id: UUID = row[0]
        connection.execute(
            "INSERT INTO membership (tenant_id, user_id, role) VALUES (%s, %s, %s)"
            " ON CONFLICT (tenant_id, user_id) DO UPDATE SET role = excluded.role",
            (tenant_id, user_id, role),
        )
    return user_id


def find_user(database: Database, email: str) -> UUID | None:
    """Return the id of the account of an address; None when there is none."""
    with database.system_tx() as connection:
        row = connection.execute("SELECT id FROM app_user WHERE email = %s", (normalized_email(email),)).fetchone()
    return row[0] if row else None


def normalized_email(email: str) -> str:
    """Return an address as accounts keep it: trimmed, in lower case; `InputError` when it is none."""
    address = email.strip().lower()
    local, separator, domain = address.rpartition("@")
    if not (separator and local and domain) or len(address) > 320 or any(c.isspace() or c == "\0" for c in address):
        raise InputError(f"'{email[:100]}' is not an e-mail address", remedy="Write it like ana@example.com")
    return address
