"""Links that are sent to people: invitations, resets and registrations, by a real mail server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from opsintel.access import passwords
from opsintel.access.account_tokens import PREFIX
from opsintel.access.accounts import create_user
from opsintel.access.opaque import new_token
from opsintel.access.roles import ROLES
from opsintel.ids import new_id
from opsintel_api.auth.throttle import MAILS_PER_ACCOUNT
from tests.access.mailing import Mailing, served
from tests.access.people import bearer, log_in
from tests.peers.smtp import SmtpPeer, running_smtp
from tests.seeding import PASSWORD, Seeded

NEW = "quite another long password"
DEAD = {
    "empty": "",
    "a letter": "x",
    "prefix alone": PREFIX,
    "never made": new_token(PREFIX),
    "of a service key": new_token("ops_"),
    "SQL": "' OR 1=1 --",
    "long": "a" * 200,
    "percent": "%00",
}


@pytest.fixture
def smtp() -> Iterator[SmtpPeer]:
    with running_smtp() as peer:
        yield peer


@pytest_asyncio.fixture
async def mailing(settings, database, acme: Seeded, other: Seeded, smtp: SmtpPeer) -> AsyncIterator[Mailing]:
    async with served(settings, database, smtp, registration="open") as running:
        yield running


@pytest.fixture
def guest() -> str:
    """An address that has no account."""
    return f"guest{new_id().hex[-12:]}@guest.example"


async def invite(mailing: Mailing, by: Seeded, email: str, *, as_role: str = "owner", **body: object):
    session = await log_in(mailing.client, by.email(as_role))
    answer = await mailing.client.post(
        "/v1/invitations", headers=bearer(session), json={"email": email, "role": "viewer", **body}
    )
    await mailing.services.postbox.drain()
    return answer


def stored(database, statement: str, *values: object) -> list[tuple]:
    with database.system_tx() as connection:
        return connection.execute(statement, values).fetchall()


class TestInvitation:
    async def test_makes_a_member_of_the_role_and_a_session(self, mailing, database, acme: Seeded, guest):
        source = str(acme.sources["mbox"])
        invited = await invite(
            mailing, acme, guest.upper(), role="analyst", grants=["messages.read_unmasked"], source_ids=[source]
        )
        assert (invited.status_code, invited.json()["delivery"]) == (201, "mail")
        token = mailing.link(guest, "invitation")
        shown = (await mailing.post("/v1/auth/invitations/inspect", token=token)).json()
        assert shown == {"email": guest, "tenant_name": "acme", "role": "analyst", "has_account": False}
        session = await mailing.post("/v1/auth/invitations/accept", token=token, name="Guest", password=NEW)
        assert (session.json()["user"]["email"], session.json()["role"]) == (guest, "analyst")
        rows = stored(
            database,
            "SELECT role, grants, source_ids::text[] FROM membership WHERE user_id = %s",
            session.json()["user"]["id"],
        )
        assert rows == [("analyst", ["messages.read_unmasked"], [source])]
        assert (await log_in(mailing.client, guest, NEW)).status_code == 200

    async def test_the_token_is_stored_as_a_hash_only(self, mailing, database, acme: Seeded, guest):
        await invite(mailing, acme, guest)
        token = mailing.link(guest, "invitation")
        kept = str(stored(database, "SELECT * FROM account_token")) + str(stored(database, "SELECT * FROM invitation"))
        assert token not in kept
        assert token[len(PREFIX) :] not in kept

    async def test_a_link_works_once_also_when_opened_at_once(self, mailing, database, acme: Seeded, guest):
        await invite(mailing, acme, guest)
        token = mailing.link(guest, "invitation")
        answers = await asyncio.gather(
            *(mailing.post("/v1/auth/invitations/accept", token=token, name="G", password=NEW) for _ in range(6))
        )
        assert sorted(answer.status_code for answer in answers)[0] == 200
        assert len([answer for answer in answers if answer.status_code == 200]) == 1
        assert (await mailing.post("/v1/auth/invitations/inspect", token=token)).status_code == 403
        assert stored(database, "SELECT count(*) FROM app_user WHERE email = %s", guest) == [(1,)]

    @pytest.mark.parametrize("token", DEAD.values(), ids=DEAD)
    async def test_check_32_a_link_that_never_was_looks_like_one_that_was_used(
        self, mailing, acme: Seeded, guest, token
    ):
        await invite(mailing, acme, guest)
        used = mailing.link(guest, "invitation")
        await mailing.post("/v1/auth/invitations/accept", token=used, name="G", password=NEW)
        dead = await mailing.post("/v1/auth/invitations/inspect", token=used)
        assert dead.status_code == 403
        for path, more in (("inspect", {}), ("accept", {"name": "G", "password": NEW})):
            answer = await mailing.post(f"/v1/auth/invitations/{path}", token=token, **more)
            assert answer.status_code == (422 if token == "" else 403)
            assert token == "" or answer.json()["detail"] == dead.json()["detail"]

    @pytest.mark.parametrize("how", ["expired", "revoked", "replaced", "suspended", "other purpose"])
    async def test_a_link_is_dead_once_it_has(self, mailing, database, acme: Seeded, guest, how):
        made = (await invite(mailing, acme, guest)).json()
        token = mailing.link(guest, "invitation")
        if how == "replaced":
            await invite(mailing, acme, guest)
            mailing.link(guest, "invitation")
        elif how == "revoked":
            session = await log_in(mailing.client, acme.email("owner"))
            gone = await mailing.client.delete(f"/v1/invitations/{made['id']}", headers=bearer(session))
            assert gone.status_code == 204
        else:
            with database.system_tx() as connection:
                connection.execute(
                    {
                        "expired": "UPDATE account_token SET expires_at = now() - interval '1 second'",
                        "suspended": "UPDATE tenant SET suspended_at = now() WHERE slug = 'acme'",
                        "other purpose": "UPDATE account_token SET purpose = 'reset'",
                    }[how]
                )
        answers = [
            await mailing.post("/v1/auth/invitations/inspect", token=token),
            await mailing.post("/v1/auth/invitations/accept", token=token, name="G", password=NEW),
        ]
        with database.system_tx() as connection:
            connection.execute("UPDATE tenant SET suspended_at = NULL")
        assert [answer.status_code for answer in answers] == [403, 403]
        assert stored(database, "SELECT FROM app_user WHERE email = %s", guest) == []

    @pytest.mark.parametrize(
        "loss",
        [
            "DELETE FROM membership WHERE user_id = %s",
            "UPDATE membership SET role = 'viewer' WHERE user_id = %s",
            "UPDATE app_user SET disabled_at = now() WHERE id = %s",
        ],
        ids=["membership", "role", "account"],
    )
    async def test_a_link_ends_when_its_sender_loses_the(self, mailing, database, acme: Seeded, guest, loss):
        """Who is thrown out, or is an admin no more, leaves no way in behind."""
        sender = create_user(database, f"sender.{guest}", "", PASSWORD, acme.tenant_id, "admin")
        session = await log_in(mailing.client, f"sender.{guest}")
        body = {"email": guest, "role": "admin"}
        await mailing.client.post("/v1/invitations", headers=bearer(session), json=body)
        await mailing.services.postbox.drain()
        token = mailing.link(guest, "invitation")
        assert (await mailing.post("/v1/auth/invitations/inspect", token=token)).status_code == 200
        with database.system_tx() as connection:
            connection.execute(loss, (sender,))
        for path, more in (("inspect", {}), ("accept", {"name": "G", "password": NEW})):
            assert (await mailing.post(f"/v1/auth/invitations/{path}", token=token, **more)).status_code == 403
        assert stored(database, "SELECT FROM app_user WHERE email = %s", guest) == []

    async def test_joining_does_not_tell_the_tenant_whether_there_was_an_account(
        self, mailing, database, acme: Seeded, other: Seeded, guest
    ):
        create_user(database, f"known.{guest}", "Known", PASSWORD, other.tenant_id, "viewer")
        for address, password in ((f"known.{guest}", PASSWORD), (guest, NEW)):
            await invite(mailing, acme, address)
            token = mailing.link(address, "invitation")
            joined = await mailing.post("/v1/auth/invitations/accept", token=token, name="G", password=password)
            assert joined.status_code == 200
        with database.tenant_tx(acme.tenant_id) as connection:
            told = connection.execute(
                "SELECT details FROM audit_log WHERE action = 'invitation.accepted' ORDER BY seq DESC LIMIT 2"
            ).fetchall()
        assert told[0] == told[1]

    async def test_check_32_inviting_tells_nobody_who_has_an_account(self, mailing, acme: Seeded, other: Seeded, guest):
        known, unknown = await invite(mailing, acme, other.email("owner")), await invite(mailing, acme, guest)
        assert known.status_code == unknown.status_code == 201
        assert known.json().keys() == unknown.json().keys()
        assert known.json()["delivery"] == unknown.json()["delivery"]
        for address in (other.email("owner"), guest):
            mailing.link(address, "invitation")

    async def test_an_account_joins_with_its_own_password_and_keeps_it(self, mailing, database, acme: Seeded, guest):
        create_user(database, guest, "Known", PASSWORD, acme.tenant_id, "viewer")
        with database.system_tx() as connection:
            connection.execute("DELETE FROM membership USING app_user WHERE id = user_id AND email = %s", (guest,))
        await invite(mailing, acme, guest, role="admin")
        token = mailing.link(guest, "invitation")
        wrong = await mailing.post("/v1/auth/invitations/accept", token=token, name="Eve", password=NEW)
        assert wrong.status_code == 401
        right = await mailing.post("/v1/auth/invitations/accept", token=token, name="Eve", password=PASSWORD)
        assert (right.json()["role"], right.json()["user"]["name"]) == ("admin", "Known")
        assert (await log_in(mailing.client, guest, NEW)).status_code == 401

    @pytest.mark.parametrize("as_role", ROLES)
    async def test_nobody_invites_above_their_own_role(self, mailing, acme: Seeded, guest, as_role):
        allowed = {"owner": ROLES, "admin": ROLES[1:]}.get(as_role, ())
        for role in ROLES:
            answer = await invite(mailing, acme, guest, as_role=as_role, role=role)
            assert answer.status_code == (201 if role in allowed else 403)
            if role in allowed:
                mailing.link(guest, "invitation")
        assert mailing.smtp.is_empty()

    async def test_lists_show_no_token_and_no_other_tenant(self, mailing, acme: Seeded, other: Seeded, guest):
        await invite(mailing, acme, guest)
        token = mailing.link(guest, "invitation")
        for tenant, found in ((acme, True), (other, False)):
            session = await log_in(mailing.client, tenant.email("owner"))
            listed = await mailing.client.get("/v1/invitations", headers=bearer(session))
            assert (guest in listed.text) is found
            assert token not in listed.text

    async def test_a_member_or_another_tenants_source_cannot_be_invited(
        self, mailing, acme: Seeded, other: Seeded, guest
    ):
        assert (await invite(mailing, acme, acme.email("viewer"))).status_code == 422
        foreign = str(other.sources["mbox"])
        assert (await invite(mailing, acme, guest, source_ids=[foreign])).status_code == 422
        assert (await invite(mailing, acme, guest, grants=["tenant.delete"])).status_code == 422
        assert mailing.smtp.is_empty()


class TestReset:
    async def test_sets_a_password_once_and_says_so_by_mail(self, mailing, database, acme: Seeded, guest):
        create_user(database, guest, "", PASSWORD, acme.tenant_id, "viewer")
        await mailing.post("/v1/auth/reset", email=f" {guest.upper()}".strip())
        token = mailing.link(guest, "reset")
        assert (await mailing.post("/v1/auth/reset/confirm", token=token, password=NEW)).status_code == 204
        assert mailing.smtp.received()[0] == [guest]
        assert (await mailing.post("/v1/auth/reset/confirm", token=token, password=PASSWORD)).status_code == 403
        assert (await log_in(mailing.client, guest, PASSWORD)).status_code == 401
        assert (await log_in(mailing.client, guest, NEW)).status_code == 200

    async def test_check_32_asking_is_answered_alike_before_anything_is_looked_up(
        self, mailing, acme: Seeded, guest, monkeypatch
    ):
        monkeypatch.setattr(mailing.services.postbox, "submit", lambda errand: None)
        answers = {}
        for email in (acme.email("owner"), guest, "nobody@nowhere.example"):
            answer = await mailing.client.post("/v1/auth/reset", json={"email": email})
            answers[email] = (answer.status_code, answer.content, sorted(set(answer.headers) - {"x-request-id"}))
        assert len(set(map(str, answers.values()))) == 1
        assert answers[guest][:2] == (202, b'{"accepted":true}')

    async def test_check_32_only_an_account_gets_a_mail(self, mailing, database, acme: Seeded, guest):
        create_user(database, f"disabled-{guest}", "", PASSWORD, acme.tenant_id, "viewer")
        with database.system_tx() as connection:
            connection.execute("UPDATE app_user SET disabled_at = now() WHERE email = %s", (f"disabled-{guest}",))
        for email in (guest, f"disabled-{guest}", "a@b.example"):
            assert (await mailing.post("/v1/auth/reset", email=email)).status_code == 202
        assert mailing.smtp.is_empty()

    async def test_check_32_more_mails_than_a_few_are_not_sent_and_nobody_is_told(self, mailing, acme: Seeded):
        for _ in range(MAILS_PER_ACCOUNT.burst + 3):
            assert (await mailing.post("/v1/auth/reset", email=acme.email("analyst"))).status_code == 202
        tokens = [mailing.link(acme.email("analyst"), "reset") for _ in range(MAILS_PER_ACCOUNT.burst)]
        assert mailing.smtp.is_empty()
        answers = [await mailing.post("/v1/auth/reset/confirm", token=token, password=PASSWORD) for token in tokens]
        assert [answer.status_code for answer in answers] == [403] * (len(tokens) - 1) + [204]
        mailing.smtp.received()

    @pytest.mark.parametrize("token", DEAD.values(), ids=DEAD)
    async def test_check_32_dead_links_look_alike(self, mailing, token):
        answer = await mailing.post("/v1/auth/reset/confirm", token=token, password=NEW)
        assert answer.status_code == (422 if token == "" else 403)

    @pytest.mark.parametrize("password", ["", "short", "x" * 1025])
    async def test_a_password_that_cannot_be_leaves_the_link_good(
        self, mailing, database, acme: Seeded, guest, password
    ):
        create_user(database, guest, "", PASSWORD, acme.tenant_id, "viewer")
        await mailing.post("/v1/auth/reset", email=guest)
        token = mailing.link(guest, "reset")
        assert (await mailing.post("/v1/auth/reset/confirm", token=token, password=password)).status_code == 422
        assert (await mailing.post("/v1/auth/reset/confirm", token=token, password=NEW)).status_code == 204
        mailing.smtp.received()

    async def test_is_in_the_audit_log_of_the_persons_tenants(self, mailing, database, acme: Seeded, guest):
        create_user(database, guest, "", PASSWORD, acme.tenant_id, "viewer")
        await mailing.post("/v1/auth/reset", email=guest)
        await mailing.post("/v1/auth/reset/confirm", token=mailing.link(guest, "reset"), password=NEW)
        mailing.smtp.received()
        with database.tenant_tx(acme.tenant_id) as connection:
            rows = connection.execute(
                "SELECT action, details::text FROM audit_log ORDER BY seq DESC LIMIT 2"
            ).fetchall()
        assert [row[0] for row in rows] == ["password.reset", "password.reset_asked"]
        assert guest not in str(rows)


class TestRegistration:
    BODY = {"name": "Ana", "password": NEW, "organization": "Ana & Co"}  # noqa: RUF012

    async def test_makes_an_account_and_a_tenant_of_its_own(self, mailing, guest):
        asked = await mailing.post("/v1/auth/register", email=guest, **self.BODY)
        assert (asked.status_code, asked.content) == (202, b'{"accepted":true}')
        assert (await log_in(mailing.client, guest, NEW)).status_code == 401
        token = mailing.link(guest, "register")
        assert (await mailing.post("/v1/auth/register/confirm", token=token)).status_code == 204
        assert (await mailing.post("/v1/auth/register/confirm", token=token)).status_code == 403
        session = (await log_in(mailing.client, guest, NEW)).json()
        assert (session["tenant"]["name"], session["role"]) == ("Ana & Co", "owner")
        assert "ana" not in session["tenant"]["slug"]

    async def test_check_32_an_address_with_an_account_gets_the_same_answer_and_keeps_its_password(
        self, mailing, acme: Seeded, guest
    ):
        known = await mailing.post("/v1/auth/register", email=acme.email("owner"), **self.BODY)
        unknown = await mailing.post("/v1/auth/register", email=guest, **self.BODY)
        assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
        mails = {tuple(to): message.get_content() for to, message in (mailing.smtp.received() for _ in range(2))}
        assert "#token=" not in mails[(acme.email("owner"),)]
        assert "#token=" in mails[(guest,)]
        assert (await log_in(mailing.client, acme.email("owner"))).status_code == 200

    async def test_check_32_asking_hashes_a_password_whoever_asks(self, mailing, acme: Seeded, guest, monkeypatch):
        hashed = []
        hash_password = passwords.hash_password
        monkeypatch.setattr(passwords, "hash_password", lambda text: hashed.append(text) or hash_password(text))
        monkeypatch.setattr(mailing.services.postbox, "submit", lambda errand: None)
        for email in (acme.email("owner"), guest):
            await mailing.client.post("/v1/auth/register", json={"email": email, **self.BODY})
        assert hashed == [NEW, NEW]

    async def test_what_a_stranger_writes_is_in_no_mail(self, mailing, guest):
        body = self.BODY | {"name": "Visit evil.example", "organization": "https://evil.example/"}
        await mailing.post("/v1/auth/register", email=guest, **body)
        assert "evil" not in mailing.smtp.received()[1].as_string()

    async def test_nothing_personal_stays_with_a_link_that_was_used(self, mailing, database, guest):
        await mailing.post("/v1/auth/register", email=guest, **self.BODY)
        token = mailing.link(guest, "register")
        await mailing.post("/v1/auth/register/confirm", token=token)
        kept = stored(database, "SELECT details FROM account_token WHERE used_at IS NOT NULL AND details IS NOT NULL")
        assert guest not in json.dumps(kept, default=str)

    async def test_is_told_to_the_page_of_the_log_in(self, mailing):
        assert (await mailing.client.get("/v1/auth/options")).json()["registration"] is True

    async def test_is_closed_unless_the_operator_opens_it(self, settings, database, smtp, guest):
        async with served(settings, database, smtp) as closed:
            assert (await closed.client.get("/v1/auth/options")).json()["registration"] is False
            for path, body in (("", {"email": guest, **self.BODY}), ("/confirm", {"token": new_token(PREFIX)})):
                assert (await closed.post(f"/v1/auth/register{path}", **body)).status_code == 404
            assert smtp.is_empty()


class TestTries:
    @pytest.mark.parametrize("path", ["reset/confirm", "invitations/inspect", "register/confirm"])
    async def test_check_29_trying_links_is_throttled(self, mailing, path):
        more = {"password": NEW} if path == "reset/confirm" else {}
        statuses = [
            (await mailing.client.post(f"/v1/auth/{path}", json={"token": new_token(PREFIX), **more})).status_code
            for _ in range(51)
        ]
        assert statuses == [403] * 50 + [429]
