"""Accounts and passwords."""

from __future__ import annotations

import pytest

from opsintel.access.accounts import create_user, normalized_email
from opsintel.access.passwords import hash_password, verify_password
from opsintel.errors import InputError
from opsintel.tenants import create_tenant

PASSWORD = "a long enough password"


class TestPasswords:
    def test_the_right_password_fits_and_no_other(self):
        stored = hash_password(PASSWORD)
        assert verify_password(stored, PASSWORD)
        assert not verify_password(stored, PASSWORD + " ")

    def test_both_ways_to_write_an_accent_are_one_password(self):
        assert verify_password(hash_password("Café au lait, bitte"), "Café au lait, bitte")

    def test_an_unknown_user_has_no_password_at_all(self):
        assert not verify_password(None, "nobody")
        assert not verify_password("not a hash", PASSWORD)


class TestAccounts:
    def test_the_same_address_is_one_account_with_a_role_in_each_tenant(self, database):
        first, second = (create_tenant(database, slug, slug) for slug in ("one", "two"))
        user_id = create_user(database, "Ana@Example.com ", "Ana", PASSWORD, first.id, "owner")
        assert create_user(database, "ana@example.com", "Other", "another password", second.id, "viewer") == user_id
        assert create_user(database, "ana@example.com", "", PASSWORD, first.id, "admin") == user_id
        with database.system_tx() as connection:
            name, stored = connection.execute(
                "SELECT name, password_hash FROM app_user WHERE id = %s", (user_id,)
            ).fetchone()
            roles = connection.execute(
                "SELECT tenant_id, role FROM membership WHERE user_id = %s", (user_id,)
            ).fetchall()
        assert (name, verify_password(stored, PASSWORD)) == ("Ana", True)
        assert dict(roles) == {first.id: "admin", second.id: "viewer"}

    @pytest.mark.parametrize("email", ["", "ana", "@example.com", "ana@", "a b@example.com", "a\0@example.com"])
    def test_what_is_no_address_is_refused(self, email):
        with pytest.raises(InputError):
            normalized_email(email)

    def test_an_unknown_role_is_refused(self, database):
        tenant = create_tenant(database, "three", "three")
        with pytest.raises(InputError):
            create_user(database, "eve@example.com", "", PASSWORD, tenant.id, "root")
