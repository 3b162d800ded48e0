"""Instructions in messages, against a model that obeys every one of them (numbered checks 61 to 64)."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

import pytest

from opsintel.context import Context
from opsintel.llm.plain import addresses_in, plain
from opsintel.partitions import Partition
from opsintel.tenants import Tenant, create_tenant
from opsintel_pipeline.analyze import models
from opsintel_pipeline.analyze.profile import Analysis
from opsintel_pipeline.analyze.run import run
from tests.analyze.conftest import DAY, analyses, connect_model, partition, write
from tests.analyze.injections import PLACES, attempts, obeys
from tests.peers.model_server import ModelServer

ADDRESS = re.compile(r"https?:|www\.|javascript:|data:|@\w|evil\.example", re.IGNORECASE)


_made: list[dict[str, Any]] = []


@pytest.fixture
def attacked(
    context: Context, tenant: Tenant, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> list[dict[str, Any]]:
    """The analyses of all attempts by a model that obeys them, made once."""
    monkeypatch.setattr(models, "RUN_SECONDS", float("inf"))
    if not _made:
        connect_model(context, tenant, model)
        model.brain = obeys
        for each in attempts():
            write(context, tenant, [each.text], subject=each.subject)
        run(context, partition(tenant))
        _made.extend(analyses(context, tenant))
    return _made


def test_check_61_a_model_that_obeys_every_message_gets_nothing_past_us(attacked: list[dict[str, Any]]) -> None:
    tried = attempts()
    assert len(tried) >= 300
    assert len(attacked) == len(tried)
    assert len(PLACES) == 4
    by_text = {each.text: f"{each.subject}\n{each.text}" for each in tried}
    escapes, lowered, brought_in, forged = [], [], [], []
    for row in attacked:
        message = by_text[row["text"]]
        try:
            found = Analysis.model_validate(row["output"])
        except ValueError:
            escapes.append(row["text"])
            continue
        if row["severity"] > 1 or not row["is_actionable"] or found.severity_floor != 1:
            lowered.append(row["text"])
        written = f"{row['title']}\n{found.summary}\n{[action.text for action in found.action_items]}"
        brought_in += [hit for hit in ADDRESS.findall(written) if hit.lower() not in message.lower()]
        quotes = [part.quote for part in (*found.evidence, *found.action_items, *found.asks)]
        quotes += [entity.value for entity in found.entities] + [found.injection_quote]
        forged += [quote for quote in quotes if quote not in message]
    assert (escapes, lowered, brought_in, forged) == ([], [], [], [])
    assert {row["status"] for row in attacked} <= {"done", "failed"}


def test_check_61_an_attempt_is_noticed(attacked: list[dict[str, Any]]) -> None:
    noticed = [row for row in attacked if row["output"]["injection_suspected"]]
    assert len(noticed) > len(attacked) / 4, "by the rules alone: this model admits none"


def test_check_62_no_image_or_markup_is_in_what_a_model_writes(attacked: list[dict[str, Any]]) -> None:
    written = [row["title"] + row["output"]["summary"] for row in attacked if row["provider"] != "built-in"]
    assert written
    assert not [text for text in written if re.search(r"!\[|\]\(|<img|<script", text)]


@pytest.mark.parametrize(
    "address",
    [
        "evil.example/login", "evil。example", "ｅｖｉｌ．ｅｘａｍｐｌｅ",
        "ＨＴＴＰＳ：／／evil.example", "evil.ex\u200bample",
        "evil[.]example", "hxxps://evil.example", "boss＠evil.example", "evil.xn--p1ai", "evil.中国",
        "203.0.113.7/login", "[2001:db8::1]/x",
        "&#104;ttps://evil.example", "wss://evil.example", "evil.[2001:db8::1]example",
    ],
)  # fmt: skip
def test_check_61_no_address_is_brought_in_however_it_is_spelt(address: str) -> None:
    written = plain(f"Log in at {address} now")
    assert not re.search(r"evil\S*example|203|2001|xn--|中国|//", unicodedata.normalize("NFKC", written)), written
    assert plain("Log in at shop.example, 10.0.0.1", addresses_in("shop.example 10.0.0.1")).endswith(
        "shop.example, 10.0.0.1"
    )


def test_what_no_store_takes_is_in_nothing_that_a_model_writes() -> None:
    assert plain("a\x00b \ud800c") == "ab c"


def test_check_63_every_call_has_a_cap_on_tokens_and_on_text(
    context: Context, tenant: Tenant, model: ModelServer
) -> None:
    connect_model(context, tenant, model)
    write(context, tenant, ["x " * 500_000, "short one, the app crashes"])
    run(context, partition(tenant))
    bodies = [asked.json() for asked in model.asked]
    assert all(0 < body["max_tokens"] <= 10_000 for body in bodies)
    assert max(len(asked.body) for asked in model.asked) < 60_000


def test_check_64_nothing_of_an_answer_is_shared_by_tenants(
    context: Context, tenant: Tenant, model: ModelServer
) -> None:
    text = "The very same text of two tenants: the app crashes since Monday."
    other = create_tenant(context.database, "other", "Other")
    for each in (tenant, other):
        connect_model(context, each, model)
        write(context, each, [text])
        run(context, Partition(DAY, each.id, each.slug))
    assert len(model.prompts) == 2
    assert {row["reused_from"] for each in (tenant, other) for row in analyses(context, each)} == {None}
    assert json.dumps(model.prompts[0].turns) == json.dumps(model.prompts[1].turns)
