"""Learned rules: when they are proposed, that nothing changes before a person accepts, and who stands over whom."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb
from typer.testing import CliRunner, Result

from opsintel.cli.main import app
from opsintel.clock import now
from opsintel.db.engine import Database
from opsintel.errors import ConflictError, NotFoundError
from opsintel.ids import new_id
from opsintel.learning.correcting import correct, shown_of, undo
from opsintel.learning.deciding import decide, settle_page
from opsintel.learning.review import Resolution, fill, resolve
from opsintel.learning.rules import effect, evidence, propose
from opsintel.settings import Settings
from opsintel.tenants import Tenant
from tests.learn.queue import DAY, LONG, PERSON, SURE, analysed, write
from tests.seeding import insert

SUBJECTS = ("Wrong tax on invoice 12", "RE: wrong tax on invoice 4417", "Fwd: Re: Wrong tax on invoice 9")
TEMPLATE = "wrong tax on invoice #"


class People:
    """Writes messages of people, and what is said of them."""

    def __init__(self, connection: psycopg.Connection, tenant: Tenant) -> None:
        self.connection, self.tenant = connection, tenant

    def person(self, domain: str = "") -> UUID:
        organization = None
        if domain:
            row = self.connection.execute("SELECT id FROM organization WHERE domain = %s", (domain,)).fetchone()
            organization = row[0] if row else new_id()
            if row is None:
                insert(
                    self.connection, "organization", tenant_id=self.tenant.id, id=organization, domain=domain,
                )  # fmt: skip
        person = new_id()
        insert(
            self.connection, "participant", tenant_id=self.tenant.id, id=person, display_name="A",
            organization_id=organization,
        )  # fmt: skip
        insert(
            self.connection, "participant_identity", tenant_id=self.tenant.id, kind="email",
            value=f"{person.hex}@buyer.example", participant_id=person,
        )  # fmt: skip
        return person

    def message(self, subject: str = "", author: UUID | None = None, **fields: Any) -> UUID:
        moment = now() - timedelta(days=1)
        (message_id,) = write(
            self.connection, self.tenant, [LONG + new_id().hex], subject=subject, author_id=author or self.person(),
            occurred_at=moment,
        )  # fmt: skip
        analysed(self.connection, self.tenant, message_id, **({"severity": 4} | fields))
        return message_id

    def corrected(self, message_id: UUID, field: str = "kind", value: Any = "billing") -> UUID:
        return correct(self.connection, self.tenant.id, PERSON, message_id, field, value)

    def rules(self, state: str = "proposed") -> list[tuple[Any, ...]]:
        rows = self.connection.execute(
            "SELECT scope, key, field, value, corrections FROM learned_rule WHERE state = %s ORDER BY scope", (state,)
        )
        return rows.fetchall()

    def only_rule(self) -> UUID:
        ((rule_id,),) = self.connection.execute("SELECT id FROM learned_rule").fetchall()
        return UUID(str(rule_id))

    def decide(self, state: Any, rule: UUID | None = None) -> int:
        rule_id = rule or self.only_rule()
        decide(self.connection, self.tenant.id, PERSON, rule_id, state)
        while not settle_page(self.connection, self.tenant.id, rule_id):
            pass
        row = self.connection.execute("SELECT changed, is_settled FROM learned_rule").fetchone()
        assert row is not None
        assert row[1]
        return int(row[0])

    def shown(self, message_id: UUID, field: str = "kind") -> Any:
        return shown_of(self.connection, [message_id])[message_id][field]


@pytest.fixture
def people(database: Database, tenant: Tenant) -> Any:
    with database.tenant_tx(tenant.id) as connection:
        yield People(connection, tenant)


def invoices(people: People, field: str = "kind", value: Any = "billing", **fields: Any) -> list[UUID]:
    """Have three messages under one subject corrected alike; one rule follows."""
    ids = [people.message(subject, **fields) for subject in SUBJECTS]
    for message_id in ids:
        people.corrected(message_id, field, value)
    return ids


class TestProposing:
    def test_takes_three_corrections_that_say_the_same(self, people: People):
        ids = [people.message(subject) for subject in SUBJECTS]
        for message_id in ids[:2]:
            people.corrected(message_id)
        assert people.rules() == []
        people.corrected(ids[2])
        assert people.rules() == [("subject", TEMPLATE, "kind", "billing", 3)]

    def test_of_one_message_is_one(self, people: People):
        message_id = people.message(SUBJECTS[0])
        for _ in range(3):
            people.corrected(message_id)
        assert people.rules() == []

    def test_needs_nobody_to_say_anything_else(self, people: People):
        invoices(people)
        contrary = people.corrected(people.message(SUBJECTS[0]), value="legal")
        assert people.rules() == []
        undo(people.connection, people.tenant.id, PERSON, contrary)
        assert [rule[0] for rule in people.rules()] == ["subject"]

    def test_hears_a_confirmed_review_too(self, people: People):
        other = people.message(SUBJECTS[0], confidence=SURE | {"kind": 0.1})
        fill(people.connection, people.tenant.id, DAY)
        row = people.connection.execute("SELECT id FROM review_item WHERE message_id = %s", (other,)).fetchone()
        assert row is not None
        resolve(people.connection, people.tenant.id, PERSON, row[0], Resolution("confirmed", {}))
        assert people.shown(other) != "billing"
        invoices(people)
        assert people.rules() == []

    def test_is_withdrawn_with_its_corrections(self, people: People):
        ids = [people.message(subject) for subject in SUBJECTS]
        last = [people.corrected(message_id) for message_id in ids][-1]
        undo(people.connection, people.tenant.id, PERSON, last)
        assert people.rules() == []

    def test_goes_by_the_sender_where_subjects_differ(self, people: People):
        sender = people.person()
        for subject in ("Where is it", "Delivery of parcel", "A new question"):
            people.corrected(people.message(subject, sender))
        assert people.rules() == [("sender", str(sender), "kind", "billing", 3)]

    def test_goes_by_the_sender_where_there_is_no_subject(self, people: People):
        sender = people.person()
        for _ in range(3):
            people.corrected(people.message("", sender))
        assert [rule[0] for rule in people.rules()] == ["sender"]

    def test_goes_by_the_organisation_where_senders_differ(self, people: People):
        for subject in ("Where is it", "Delivery of parcel", "A new question"):
            people.corrected(people.message(subject, people.person("buyer.example")))
        assert [rule[0] for rule in people.rules()] == ["organization"]

    def test_goes_by_no_subject_of_one_word(self, people: People):
        for _ in range(3):
            people.corrected(people.message("Hello"))
        assert people.rules() == []

    def test_is_not_repeated_once_a_person_has_said_no(self, people: People):
        invoices(people)
        people.decide("rejected")
        people.corrected(people.message(SUBJECTS[0]))
        assert people.rules() == []
        assert len(people.rules("rejected")) == 1

    def test_comes_again_once_people_say_something_else(self, people: People):
        ids = invoices(people)
        people.decide("rejected")
        for message_id in ids:
            people.corrected(message_id, value="legal")
        assert [rule[3] for rule in people.rules()] == ["legal"]
        people.decide("accepted")
        for message_id in ids:
            people.corrected(message_id, value="praise")
        assert [rule[3] for rule in people.rules("accepted")] == ["legal"]


class TestARule:
    def test_changes_nothing_before_it_is_accepted_and_says_what_it_would(self, people: People):
        invoices(people)
        another, right = people.message(SUBJECTS[0]), people.message("Something else altogether")
        assert people.shown(another) != "billing"
        found = effect(people.connection, people.only_rule())
        assert (found.messages, [one[0] for one in found.samples]) == (1, [another])
        assert found.samples[0][2] == people.shown(another)
        assert right not in [one[0] for one in found.samples]

    def test_shows_its_evidence(self, people: People):
        ids = invoices(people)
        told = evidence(people.connection, people.only_rule())
        assert {(one.message_id, one.value, one.is_correction) for one in told} == {
            (message_id, "billing", True) for message_id in ids
        }

    def test_that_is_accepted_holds_for_what_is_stored_and_what_comes(self, people: People):
        invoices(people)
        stored = people.message(SUBJECTS[1])
        assert people.decide("accepted") == 1
        assert people.shown(stored) == people.shown(people.message("re: Wrong tax on invoice 1")) == "billing"
        assert people.shown(people.message("Wrong tax on parcel 1")) != "billing"

    def test_stands_below_a_person_and_above_every_later_analysis(self, people: People):
        invoices(people)
        by_rule, by_person = people.message(SUBJECTS[0]), people.message(SUBJECTS[0])
        people.decide("accepted")
        people.corrected(by_person, value="legal")
        for _ in range(2):
            assert (people.shown(by_rule), people.shown(by_person)) == ("billing", "legal")
            for message_id in (by_rule, by_person):
                analysed(people.connection, people.tenant, message_id)

    def test_that_is_undone_brings_back_what_stood_before(self, people: People):
        ids = invoices(people)
        stored = people.message(SUBJECTS[1])
        before = people.shown(stored)
        people.decide("accepted")
        later = people.message(SUBJECTS[1])
        assert people.decide("undone") == 2
        assert people.shown(stored) == people.shown(later) == before
        assert {people.shown(message_id) for message_id in ids} == {"billing"}, "corrections stay"
        rows = people.connection.execute("SELECT corrected FROM analysis WHERE message_id = %s", (stored,)).fetchall()
        assert rows[-1] == ({},)

    def test_comes_back_under_a_correction_that_is_undone(self, people: People):
        invoices(people)
        people.decide("accepted")
        message_id = people.message(SUBJECTS[0])
        made = people.corrected(message_id, value="legal")
        undo(people.connection, people.tenant.id, PERSON, made)
        assert people.shown(message_id) == "billing"

    def test_goes_no_lower_than_the_severity_floor(self, people: People):
        invoices(people, "severity", 5)
        people.decide("accepted")
        outage, other = people.message(SUBJECTS[0], severity_floor=2), people.message(SUBJECTS[0])
        assert (people.shown(outage, "severity"), people.shown(other, "severity")) == (2, 5)

    def test_has_somebody_act_on_what_has_a_floor(self, people: People):
        invoices(people, "not_actionable_reason", "fyi")
        people.decide("accepted")
        outage, other = people.message(SUBJECTS[0], severity_floor=2), people.message(SUBJECTS[0])
        field = "not_actionable_reason"
        assert (people.shown(outage, field), people.shown(other, field)) == (None, "fyi")
        assert effect(people.connection, people.only_rule()).messages == 1

    def test_of_a_sender_stands_over_that_of_an_organisation(self, people: People):
        sender = people.person("buyer.example")
        message_id = people.message("What is it now", sender)
        row = people.connection.execute("SELECT organization_id FROM participant WHERE id = %s", (sender,)).fetchone()
        assert row is not None
        for scope, key, value in (("organization", row[0], "legal"), ("sender", sender, "praise")):
            rule = new_id()
            insert(
                people.connection, "learned_rule", tenant_id=people.tenant.id, id=rule, scope=scope, key=str(key),
                participant_id=sender, field="kind", value=Jsonb(value), state="undone",
            )  # fmt: skip
            people.decide("accepted", rule)
            assert people.shown(message_id) == value

    def test_has_its_days_follow_and_is_in_the_audit_log(self, people: People):
        invoices(people)
        people.message(SUBJECTS[0])
        people.connection.execute("DELETE FROM outbox")
        people.decide("accepted")
        assert people.connection.execute("SELECT payload ->> 'reason' FROM outbox").fetchall() == [("rule",)]
        row = people.connection.execute("SELECT action, details FROM audit_log ORDER BY seq DESC LIMIT 1").fetchone()
        assert row == ("learned_rule.accepted", {"scope": "subject", "field": "kind"})

    @pytest.mark.parametrize("states", [["undone"], ["accepted", "rejected"], ["accepted", "accepted"]])
    def test_is_decided_in_its_order(self, people: People, states: list[str]):
        invoices(people)
        for state in states[:-1]:
            people.decide(state)
        with pytest.raises(ConflictError):
            people.decide(states[-1])

    def test_of_nobody_is_not_found(self, people: People):
        with pytest.raises(NotFoundError):
            people.decide("accepted", new_id())

    def test_goes_with_its_sender(self, people: People):
        sender = people.person()
        for subject in ("Where is it", "Delivery of parcel", "A new question"):
            people.corrected(people.message(subject, sender))
        people.connection.execute("UPDATE message SET author_id = NULL")
        people.connection.execute("DELETE FROM participant WHERE id = %s", (sender,))
        assert people.rules() == []


class TestAProposal:
    def test_looks_at_what_shares_a_key_with_the_message_alone(self, people: People):
        near, far = people.message(SUBJECTS[0]), people.message("Delivery of parcel 9")
        for key in ("wrong tax on invoice #", "delivery of parcel #"):
            insert(
                people.connection, "learned_rule", tenant_id=people.tenant.id, id=new_id(), scope="subject", key=key,
                field="kind", value=Jsonb("legal"), corrections=3,
            )  # fmt: skip
        propose(people.connection, people.tenant.id, near)
        assert [row[1] for row in people.rules()] == ["delivery of parcel #"], "nobody says so any more"
        propose(people.connection, people.tenant.id, far)
        assert people.rules() == []


class TestCommand:
    def test_shows_accepts_and_undoes(
        self, settings: Settings, database: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("DB_URL", settings.db_url or "")
        monkeypatch.setenv("OPSINTEL_DATA_DIR", str(settings.data_dir))
        monkeypatch.setenv("MASTER_ENCRYPTION_KEY", base64.b64encode(settings.master_key()).decode())
        monkeypatch.setenv("JWT_SECRET", settings.jwt_key().decode())
        with database.tenant_tx(tenant.id) as connection:
            people = People(connection, tenant)
            invoices(people)
            people.message(SUBJECTS[0])

        def run(*arguments: str) -> Result:
            return CliRunner().invoke(app, ["learn", *arguments, "--tenant", "acme"])

        (rule,) = json.loads(run("rules", "--json").stdout)
        assert (rule["pattern"], rule["value"], rule["state"]) == (TEMPLATE, "billing", "proposed")
        shown = json.loads(run("show", rule["id"], "--json").stdout)
        assert (len(shown["evidence"]), shown["changes"]["messages"]) == (3, 1)
        assert "changes 1 messages" in run("show", rule["id"]).stdout
        assert "1 analyses" in run("accept", rule["id"]).stdout
        assert "accepted" in run("rules").stdout
        assert "1 analyses" in run("undo", rule["id"]).stdout
        assert isinstance(run("show", str(new_id())).exception, NotFoundError)
