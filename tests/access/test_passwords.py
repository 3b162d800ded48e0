"""Log-ins: how often one may try, how long an answer takes, and which passwords there are."""

from __future__ import annotations

import json

import argon2
import pytest

from opsintel.access import passwords
from opsintel.access.accounts import create_user
from opsintel.access.passwords import hash_password, needs_upgrade, verify_password
from opsintel.coordination.choose import ApiLimits
from opsintel.db.engine import AsyncDatabase
from opsintel.errors import InputError
from opsintel.ids import new_id
from opsintel_api.auth.throttle import TRIES_PER_ACCOUNT, TRIES_PER_ADDRESS, Throttle
from tests.access.people import bearer, log_in
from tests.seeding import PASSWORD, Seeded

ODD = {
    "twelve characters": "x" * 12,
    "as long as may be": "x" * 1024,
    "nul": "nul\x00in the middle",
    "other after nul": "nul\x00in the end",
    "letters of a script": "пароль длинный",
    "accents": "ünïcödé ünïcödé",
    "emoji": "🐦🐦🐦🐦🐦🐦🐦🐦🐦🐦🐦🐦",
    "joined emoji": "👩‍👩‍👧‍👦 and some more",
    "right to left": "\u202eright to left",
    "spaces": " " * 12,
    "newline": "two\nlines of it",
    "last plane": "\U0010ffff" * 12,
}
STRENGTHS = [(1, 8, 1), (2, 19_455, 1), (1, 19_456, 1)]


class TestThrottle:
    @pytest.mark.parametrize("account", ["owner@other.example", "nobody@other.example", "no-address"])
    async def test_check_29_failures_close_an_account_whether_it_exists_or_not(self, client, other: Seeded, account):
        for _ in range(TRIES_PER_ACCOUNT.burst):
            assert (await log_in(client, account, "wrong password")).status_code == 401
        response = await log_in(client, account)
        assert response.status_code == 429
        assert int(response.headers["retry-after"]) > 0

    async def test_check_29_failures_close_an_address_whichever_accounts_are_tried(self, client, acme: Seeded):
        for number in range(TRIES_PER_ADDRESS.burst):
            assert (await log_in(client, f"somebody{number}@acme.example", "wrong password")).status_code == 401
        assert (await log_in(client, acme.email("owner"))).status_code == 429

    async def test_a_success_forgets_the_failures_of_the_account(self, client, acme: Seeded):
        for _ in range(3):
            for _ in range(TRIES_PER_ACCOUNT.burst - 1):
                await log_in(client, acme.email("owner"), "wrong password")
            assert (await log_in(client, acme.email("owner"))).status_code == 200

    async def test_check_29_changing_a_password_is_a_try_as_well(self, client, acme: Seeded):
        session = await log_in(client, acme.email("admin"))
        statuses = [
            (
                await client.put(
                    "/v1/me/password",
                    headers=bearer(session),
                    json={"current": f"wrong {number}", "new": "a new long password"},
                )
            ).status_code
            for number in range(TRIES_PER_ACCOUNT.burst + 1)
        ]
        assert statuses == [422] * TRIES_PER_ACCOUNT.burst + [429]

    async def test_check_29_is_one_for_all_processes_and_stores_nobodys_address(self, database, database_url, settings):
        account = f"{new_id().hex}@other.example"
        opened = await AsyncDatabase.open(database_url)
        processes = [Throttle(ApiLimits(settings, opened), b"secret") for _ in range(2)]
        tries = range(TRIES_PER_ACCOUNT.burst + 1)
        waits = [await processes[n % 2].begin("login", account, "192.0.2.7") for n in tries]
        assert [wait > 0 for wait in waits] == [False] * TRIES_PER_ACCOUNT.burst + [True]
        await processes[0].succeeded("login", account, "192.0.2.7")
        assert await processes[1].begin("login", account, "192.0.2.7") == 0
        await opened.close()
        with database.system_tx() as connection:
            keys = " ".join(row[0] for row in connection.execute("SELECT key FROM rate_limit").fetchall())
        assert "login:account:" in keys
        assert account not in keys
        assert "192.0.2.7" not in keys

    async def test_check_29_who_has_a_network_of_addresses_is_one(self, database_url, settings):
        opened = await AsyncDatabase.open(database_url)
        throttle = Throttle(ApiLimits(settings, opened), new_id().bytes)
        waits = [
            await throttle.begin("login", f"{number}@x.example", f"2001:db8:1:2::{number:x}")
            for number in range(TRIES_PER_ADDRESS.burst + 1)
        ]
        assert waits[-1] > 0
        assert await throttle.begin("login", "a@x.example", "2001:db8:1:3::1") == 0
        await opened.close()


class TestTime:
    @pytest.mark.parametrize(
        "email", ["owner@acme.example", "nobody@acme.example", "disabled@acme.example", "sso@acme.example"]
    )
    async def test_check_29_every_refusal_computes_one_hash_of_full_cost(
        self, client, database, acme: Seeded, email, monkeypatch
    ):
        for person in ("disabled", "sso"):
            create_user(database, f"{person}@acme.example", person, PASSWORD, acme.tenant_id, "viewer")
        with database.system_tx() as connection:
            connection.execute("UPDATE app_user SET disabled_at = now() WHERE email = 'disabled@acme.example'")
            connection.execute("UPDATE app_user SET password_hash = '!' WHERE email = 'sso@acme.example'")
        costs = []

        class Counting(argon2.PasswordHasher):
            def verify(self, hash, password):  # noqa: A002  argon2's name
                costs.append(argon2.extract_parameters(hash))
                return super().verify(hash, password)

        monkeypatch.setattr(passwords, "_hasher", Counting(time_cost=2, memory_cost=19_456, parallelism=1))
        assert (await log_in(client, email, "not the password")).status_code == 401
        assert [(cost.time_cost, cost.memory_cost, cost.type) for cost in costs] == [(2, 19_456, argon2.Type.ID)]


class TestPasswords:
    @pytest.mark.parametrize("name", ODD)
    def test_check_30_an_odd_password_opens_what_it_closed_and_no_other_does(self, name):
        stored = hash_password(ODD[name])
        assert verify_password(stored, ODD[name])
        for other in ODD.values():
            assert other == ODD[name] or not verify_password(stored, other)
        assert not verify_password(stored, ODD[name] + "x")
        assert not verify_password(stored, ODD[name][:-1])

    @pytest.mark.parametrize(
        "password", ["", "x" * 1025, "x" * 900_000, "nul\x00inside", "ünïcödé ✓ パスワード", "\U0001f426" * 1024]
    )
    async def test_check_30_odd_passwords_are_refused_without_a_fault(self, client, acme: Seeded, password):
        assert (await log_in(client, acme.email("owner"), password)).status_code in (401, 422)

    @pytest.mark.parametrize("written", ["\\ud800 alone", "\\udc00\\ud800 turned", "\\u0000 and \\uffff"])
    async def test_check_30_halves_of_characters_are_refused_without_a_fault(self, client, acme: Seeded, written):
        body = f'{{"email": "owner@acme.example", "password": "{written} is no password"}}'.encode()
        response = await client.post("/v1/auth/login", content=body, headers={"Content-Type": "application/json"})
        assert response.status_code in (401, 422)

    @pytest.mark.parametrize("password", ["short", "", "x" * 11, "x" * 1025])
    async def test_check_30_a_new_password_has_12_to_1024_characters(self, client, acme: Seeded, password):
        session = await log_in(client, acme.email("owner"))
        body = json.dumps({"current": PASSWORD, "new": password})
        headers = bearer(session) | {"Content-Type": "application/json"}
        assert (await client.put("/v1/me/password", headers=headers, content=body)).status_code == 422
        with pytest.raises(InputError):
            hash_password(password)


class TestHashes:
    def test_check_31_a_hash_is_argon2id_of_the_least_cost_or_better(self):
        assert hash_password(PASSWORD).startswith("$argon2id$v=19$m=19456,t=2,p=1$")

    @pytest.mark.parametrize(("time", "memory", "lanes"), STRENGTHS)
    async def test_check_31_a_weak_hash_is_replaced_at_log_in(
        self, client, database, acme: Seeded, time, memory, lanes
    ):
        weak = argon2.PasswordHasher(time_cost=time, memory_cost=memory, parallelism=lanes).hash(PASSWORD)
        stored = await self._after_log_in(client, database, acme, weak)
        assert stored != weak
        assert not needs_upgrade(stored)

    async def test_check_31_a_weak_kind_is_replaced_and_a_strong_hash_stays(self, client, database, acme: Seeded):
        of_another_kind = argon2.PasswordHasher(type=argon2.Type.I).hash(PASSWORD)
        assert "$argon2id$" in await self._after_log_in(client, database, acme, of_another_kind)
        strong = hash_password(PASSWORD)
        assert await self._after_log_in(client, database, acme, strong) == strong

    async def test_check_31_a_wrong_password_replaces_nothing(self, client, database, acme: Seeded):
        weak = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        assert await self._after_log_in(client, database, acme, weak, "not the password") == weak

    async def _after_log_in(self, client, database, acme: Seeded, stored: str, password: str = PASSWORD) -> str:
        user_id = acme.users["viewer"]
        with database.system_tx() as connection:
            connection.execute("UPDATE app_user SET password_hash = %s WHERE id = %s", (stored, user_id))
        expected = 200 if password == PASSWORD else 401
        assert (await log_in(client, acme.email("viewer"), password)).status_code == expected
        with database.system_tx() as connection:
            return connection.execute("SELECT password_hash FROM app_user WHERE id = %s", (user_id,)).fetchone()[0]
