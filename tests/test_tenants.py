"""Tenants are made once; who their own people are can be added later."""

import pytest

from opsintel.db.engine import Database
from opsintel.errors import InputError, NotFoundError
from opsintel.tenants import create_tenant, find_tenant


class TestOwnDomains:
    def test_are_kept_as_messages_are_compared_with_them(self, database: Database) -> None:
        tenant = create_tenant(database, "written", "Written", own_domains=(" @Acme.Example", "Ada@Other.Example"))
        assert tenant.own_domains == ("acme.example", "ada@other.example")

    def test_given_later_are_added_to_those_known(self, database: Database) -> None:
        create_tenant(database, "later", "Later")
        create_tenant(database, "later", "Later", own_domains=("b.example", "a.example"))
        again = create_tenant(database, "later", "Later", own_domains=("a.example", "c.example", "c.example"))
        assert again.own_domains == ("b.example", "a.example", "c.example")

    @pytest.mark.parametrize("text", ["", "a b", "x\x00y", "@", "a@b@c", "\udcff", "<ada@acme.example>"])
    def test_that_are_none_are_refused(self, database: Database, text: str) -> None:
        with pytest.raises(InputError, match="neither an e-mail domain nor an address"):
            create_tenant(database, "refused", "Refused", own_domains=(text,))


class TestATenantThatIsNot:
    @pytest.mark.parametrize("slug", ["nobody", "", "\udcff", "a\x00b", "x" * 100_000])
    def test_is_said_whatever_its_name(self, database: Database, slug: str) -> None:
        with pytest.raises(NotFoundError, match="There is no tenant"):
            find_tenant(database, slug)
