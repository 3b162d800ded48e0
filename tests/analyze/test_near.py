"""Messages of people that say the same in nearly the same words share an analysis where the tenant chose so."""

from __future__ import annotations

import csv
import json
import os
import random
import re
from collections import Counter
from pathlib import Path

import pytest

from opsintel.access.audit import SYSTEM
from opsintel.context import Context
from opsintel.llm.sending import Sending, set_sending
from opsintel.tenants import Tenant
from opsintel_pipeline.analyze import near, rerun
from opsintel_pipeline.analyze.message import MessageView
from opsintel_pipeline.analyze.near import near_key
from opsintel_pipeline.analyze.run import run
from opsintel_pipeline.analyze.templates.meaning import speaks_of_a_person
from tests.analyze.conftest import DAY, analyses, connect_model, item, messages_of, partition, write
from tests.analyze.near_variations import other_pairs, same_pairs
from tests.peers.model_server import ModelServer, Prompt

DATA = Path(os.environ.get("OPSINTEL_TEST_DATA", "../shared/data"))
FIRST = "Hi Anna,\nmy parcel with order number 4711234 has not arrived yet, can you help?\nThanks,\nMia Jensen"
SECOND = "Hello Tom! My parcel with order number 9988776 has not arrived yet, can you please help?"


def view(text: str, language: str = "en") -> MessageView:
    return MessageView("", text, language, None, False, "inbound", "email")


class TestTheKey:
    def test_is_that_of_what_is_said(self) -> None:
        assert near_key(view(FIRST))
        assert near_key(view(FIRST)) == near_key(view(SECOND))

    @pytest.mark.parametrize(
        ("text", "other"),
        [
            ("I cannot open my report since today.", "I can open my report since today."),
            ("Ich kann mich bei euch nicht mehr anmelden.", "Ich kann mich bei euch wieder anmelden."),
            ("I got 3 of my parcels today.", "I got 30 of my parcels today."),
            ("I was charged 12.50 EUR for my order.", "I was charged 1250 EUR for my order."),
            ("My app shows error 404 all day.", "My app shows error 500 all day."),
            ("Our shop has been slow since noon.", "Our shop has been down since noon."),
            ("Hi Falcon is broken again, can you help?", "Hi Atlas is broken again, can you help?"),
            ("Hi Payment Failed, can you look at my shop?", "Hi Payment Worked, can you look at my shop?"),
            ("I think that you lost my parcel.", "I think that you lost my parcel?"),
            ("My parcel comes on 3 May, thank you.", "My parcel comes on 4 May, thank you."),
            ("please help me with my report now", "PLEASE HELP ME WITH MY REPORT NOW"),
        ],
        ids=lambda text: text[:30].replace(" ", "_"),
    )
    def test_differs_where_a_word_says_something_else(self, text: str, other: str) -> None:
        assert near_key(view(text))
        assert near_key(view(text)) != near_key(view(other))

    def test_of_a_text_full_of_blank_lines_looks_for_a_closing_at_its_end_alone(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begins: list[int] = []
        without = near._without

        def seen(pattern: re.Pattern[str], text: str, start: int = 0) -> str:
            if pattern is near._CLOSING:
                begins.append(len(text) - start)
            return without(pattern, text, start)

        monkeypatch.setattr(near, "_without", seen)
        said = "Can you send my parcel today." + "\n" * 3_000
        assert near.essence(said + "my invoice too.\nThanks,\nMia") == near.essence(said + "my invoice too.")
        assert max(begins) <= 200

    def test_differs_in_another_language_and_for_who_wrote(self) -> None:
        said = view(FIRST)
        assert near_key(said) != near_key(view(FIRST, "de"))
        assert near_key(said) != near_key(MessageView("", FIRST, "en", None, False, "outbound", "email"))

    @pytest.mark.parametrize("text", ["", "Thank you!", "Can you help", "Disk full on host-12", "my " * 3_000])
    def test_is_none_for_what_is_short_long_or_by_a_machine(self, text: str) -> None:
        assert near_key(view(text)) is None

    @pytest.mark.parametrize("name", ["banking77", "clinc150", "dstc11-insurance", "hint3-curekart"])
    def test_joins_made_variations_and_nothing_that_was_changed_in_meaning(self, name: str) -> None:
        with (DATA / "text" / name / "data.csv").open(newline="") as file:
            texts = [row["text"] for row in csv.DictReader(file)]
        long_enough = [
            text for text in texts if speaks_of_a_person(text) and len(text.split()) > 4 and "number" not in text
        ]
        chosen = random.Random(1).sample(long_enough, 60)  # noqa: S311
        joined = Counter(
            (kind, near_key(view(first)) == near_key(view(second)) is not None)
            for kind, pairs in (("same", same_pairs(chosen)), ("other", other_pairs(chosen)))
            for _, first, second in pairs
        )
        assert joined["other", True] == 0
        assert joined["same", True] > 0.75 * (joined["same", True] + joined["same", False])


class TestAnalyses:
    @pytest.fixture
    def shares(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        connect_model(context, tenant, model)
        set_sending(context.database, tenant.id, Sending(shares_near_duplicates=True), SYSTEM)

    def test_are_each_asked_for_unless_the_tenant_chose_to_share(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        connect_model(context, tenant, model)
        write(context, tenant, [FIRST, SECOND])
        run(context, partition(tenant))
        assert [row["reused_from"] for row in analyses(context, tenant)] == [None, None]
        assert len(messages_of(model.prompts[0])) == 2

    @pytest.mark.usefixtures("shares")
    def test_are_shared_now_and_later_and_say_why(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        write(context, tenant, [FIRST, SECOND])
        assert rerun.estimate(context, tenant, DAY, DAY).free == 1
        run(context, partition(tenant))
        write(context, tenant, [SECOND.replace("Tom", "Priya").replace("9988776", "5554443")])
        run(context, partition(tenant))
        first, *others = analyses(context, tenant)
        assert [len(messages_of(prompt)) for prompt in model.prompts] == [1]
        assert (first["reused_from"], first["provenance"].get("reused")) == (None, None)
        for each in others:
            assert each["reused_from"] is not None
            assert each["provenance"]["reused"] == "near_duplicate"
            assert each["provenance"]["equal_but_for"].startswith("greeting")
            assert (each["cost_usd"], each["attempts"]) == (0, 0)

    @pytest.mark.usefixtures("shares")
    def test_hold_nothing_of_the_message_that_they_are_taken_from(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        def says(prompt: Prompt) -> str:
            (asked,) = messages_of(prompt)
            found = item(
                asked["n"], asked["text"], title="Parcel 4711234 for Mia Jensen", summary="Mia Jensen waits for Anna",
                evidence=[{"field": "kind", "quote": "Hi Anna"}, {"field": "kind", "quote": "has not arrived yet"}],
                entities=[{"type": "order_id", "value": "4711234"}],
            )  # fmt: skip
            return json.dumps({"items": [found]})

        model.brain = says
        write(context, tenant, [FIRST, SECOND])
        run(context, partition(tenant))
        _, member = analyses(context, tenant)
        assert member["reused_from"] is not None
        assert [each["quote"] for each in member["output"]["evidence"]] == ["has not arrived yet"]
        told = str({**member, "text": ""})
        assert [word for word in ("Anna", "Mia", "Jensen", "4711234") if word in told] == []

    @pytest.mark.usefixtures("shares")
    def test_of_other_words_are_their_own(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        write(context, tenant, [FIRST, SECOND.replace("has not arrived", "has arrived")])
        run(context, partition(tenant))
        assert [row["reused_from"] for row in analyses(context, tenant)] == [None, None]
