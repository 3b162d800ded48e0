"""What is not sent: internal notes unless the tenant says so, and nothing beyond local servers in local-only mode."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from opsintel.access.audit import SYSTEM
from opsintel.cli.main import app
from opsintel.context import Context
from opsintel.errors import InputError
from opsintel.llm import reruns
from opsintel.llm.ask import NoAnswer
from opsintel.llm.chain import chain_of
from opsintel.llm.probe import probe
from opsintel.llm.sending import Sending, is_local, require_permitted, set_sending
from opsintel.tenants import Tenant
from opsintel_pipeline.analyze import rerun
from opsintel_pipeline.analyze.run import run
from tests.analyze.conftest import DAY, analyses, connect_model, partition, write
from tests.peers.model_server import ModelServer

NOTE = "She sounded angry on the phone, the app crashed again"
TEXT = "The export of my report fails since the update, please help."


def outward(context: Context) -> None:
    """Have the operator name no server as local: the asker of the tests asks one that the chain takes for outward."""
    context.asker._local_servers = frozenset()
    context.__dict__["settings"] = context.settings.model_copy(update={"local_servers": ()})


@pytest.fixture
def local(context: Context, tenant: Tenant) -> Tenant:
    set_sending(context.database, tenant.id, Sending(local_only=True), SYSTEM)
    return tenant


class TestInternalNotes:
    def test_are_sent_where_the_tenant_says_so(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        connect_model(context, tenant, model)
        write(context, tenant, [NOTE], visibility="internal")
        assert rerun.estimate(context, tenant, DAY, DAY).calls == 0
        run(context, partition(tenant))
        assert model.asked == []
        set_sending(context.database, tenant.id, Sending(sends_notes=True), SYSTEM)
        assert rerun.estimate(context, tenant, DAY, DAY).calls == 1
        with context.database.tenant_tx(tenant.id) as connection:
            reruns.mark(connection, DAY, DAY)
        run(context, partition(tenant))
        assert NOTE in model.prompts[0].turns[0]
        assert analyses(context, tenant)[0]["provider"] == "openai"


class TestLocalOnly:
    def test_asks_servers_that_the_operator_names(self, context: Context, local: Tenant, model: ModelServer) -> None:
        connect_model(context, local, model, "vllm")
        write(context, local, [TEXT])
        run(context, partition(local))
        assert len(model.prompts) == 1

    def test_makes_no_request_to_another(self, context: Context, local: Tenant, model: ModelServer) -> None:
        connect_model(context, local, model)
        write(context, local, [TEXT])
        outward(context)
        run(context, partition(local))
        (row,) = analyses(context, local)
        assert (row["provider"], row["status"]) == ("built-in", "done")
        took, _ = rerun.changes(context, local, DAY, DAY)
        assert took.calls == 0
        with pytest.raises(InputError, match="no model"):
            rerun.estimate(context, local, DAY, DAY)
        assert model.asked == [], "not one request has left"

    def test_is_looked_at_before_each_call_whatever_the_chain_says(
        self, context: Context, local: Tenant, model: ModelServer
    ) -> None:
        connect_model(context, local, model)
        with context.database.tenant_tx(local.id) as connection:
            (link,) = chain_of(connection, "analyse")
        outward(context)
        assert probe(context, local.id, link).health == "local_only"
        assert model.asked == []
        with context.database.tenant_tx(local.id) as connection:
            calls = connection.execute("SELECT count(*) FROM model_call").fetchone()
        assert calls == (0,), "nothing is set aside for it"

    def test_that_comes_while_work_is_under_way_parks_it(
        self, context: Context, tenant: Tenant, model: ModelServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connect_model(context, tenant, model)
        write(context, tenant, [TEXT])
        ask = context.asker.ask

        def late(*arguments: object) -> object:
            set_sending(context.database, tenant.id, Sending(local_only=True), SYSTEM)
            outward(context)
            return ask(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(context.asker, "ask", late)
        run(context, partition(tenant))
        (row,) = analyses(context, tenant)
        assert (row["status"], row["reason"]) == ("parked", "local_only")
        assert model.asked == []
        assert NoAnswer.code == "no_answer"

    @pytest.mark.parametrize(
        ("address", "local"),
        [
            ("http://models.lan:8000/v1", True), ("http://MODELS.lan:8000", True), ("https://models.lan", False),
            ("http://models.lan:8001", False), ("https://api.openai.com/v1", False),
        ],
    )  # fmt: skip
    def test_goes_by_host_and_port(self, address: str, local: bool) -> None:
        servers = {("models.lan", 8000)}
        assert is_local(address, servers) is local
        require_permitted(address, Sending(), servers)
        if not local:
            with pytest.raises(InputError, match="local only"):
                require_permitted(address, Sending(local_only=True), servers)


class TestCommands:
    @pytest.fixture(autouse=True)
    def _here(self, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
        settings = context.settings
        assert settings.master_encryption_key is not None
        monkeypatch.setenv("DB_URL", str(settings.db_url))
        monkeypatch.setenv("MASTER_ENCRYPTION_KEY", settings.master_encryption_key.get_secret_value())
        monkeypatch.setenv("OPSINTEL_DATA_DIR", str(settings.data_dir))

    def test_say_what_is_not_used(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        connect_model(context, tenant, model)
        done = CliRunner().invoke(app, ["tenant", "sending", "acme", "--local-only", "--json"], catch_exceptions=False)
        assert json.loads(done.stdout) == {
            "tenant": "acme", "sends_notes": False, "local_only": True, "shares_near_duplicates": False,
            "idle_keys": ["openai"],
        }  # fmt: skip
        done = CliRunner().invoke(app, ["tenant", "sending", "acme", "--notes"], catch_exceptions=False)
        assert "are sent to models" in done.stdout
        assert "stays on local servers" in done.stdout, "what is not named stays as it is"
        assert "are each analysed" in done.stdout
        done = CliRunner().invoke(app, ["tenant", "sending", "acme", "--near-duplicates"], catch_exceptions=False)
        assert "Nearly equal messages of acme share an analysis" in done.stdout

    def test_refuse_a_key_to_a_server_that_is_not_local(self, context: Context, local: Tenant) -> None:
        host = urlsplit("https://models.example").netloc
        arguments = ["key", "add", "vllm", "--tenant", local.slug, "--model", "m", "--base-url", f"https://{host}/v1"]
        done = CliRunner().invoke(app, [*arguments, "--untested"])
        assert isinstance(done.exception, InputError)
        assert "local only" in str(done.exception)
        with context.database.tenant_tx(local.id) as connection:
            assert connection.execute("SELECT count(*) FROM model_key").fetchone() == (0,)
