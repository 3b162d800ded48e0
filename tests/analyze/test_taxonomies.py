"""The tenant's taxonomy in analyses: the closed list, its version on every row, and what another version changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from opsintel.access.audit import SYSTEM
from opsintel.cli.main import app
from opsintel.context import Context
from opsintel.errors import NotFoundError
from opsintel.llm import reruns
from opsintel.taxonomy.kept import promote, propose, taxonomy_in_force, taxonomy_of_version
from opsintel.taxonomy.shipped import unchosen
from opsintel.taxonomy.taxonomy import categories_of
from opsintel.tenants import Tenant, create_tenant
from opsintel_pipeline.analyze import prompt, rerun
from opsintel_pipeline.analyze.run import run
from tests.analyze.conftest import DAY, analyses, connect_model, item, messages_of, partition, write
from tests.peers.model_server import ModelServer, Prompt

TEXTS = [f"The export of report {number} fails since the update, please help." for number in range(3)]
OURS = [
    {"path": ["Reports", "Export"], "description": "Export of a report fails", "examples": ["ask ana@acme.example"]},
    {"path": ["Invoices"]},
]


def keep(connection: psycopg.Connection, tenant: Tenant, said: list[dict[str, Any]], *, in_force: bool = True) -> int:
    """Keep a version of the tenant's taxonomy; returns its number."""
    taxonomy_id, version = propose(connection, tenant.id, "Ours", categories_of(said), SYSTEM)
    if in_force:
        promote(connection, tenant.id, taxonomy_id, SYSTEM)
    return version


def choosing(category: str) -> Any:
    """Return a model that chooses a category."""

    def brain(prompt: Prompt) -> str:
        return json.dumps({"items": [item(each["n"], each["text"], category=category) for each in messages_of(prompt)]})

    return brain


class TestVersions:
    def test_none_changes_what_one_before_it_says(self, context: Context, tenant: Tenant) -> None:
        with context.database.tenant_tx(tenant.id) as connection:
            assert taxonomy_in_force(connection) == unchosen()
            first, second = keep(connection, tenant, OURS), keep(connection, tenant, OURS[:1])
            assert (first, second) == (1, 2)
            assert taxonomy_in_force(connection).version == 2
            assert [one.name for one in taxonomy_of_version(connection, 1).categories] == [
                "Reports / Export", "Invoices",
            ]  # fmt: skip

    def test_the_same_words_are_the_same_version(self, context: Context, tenant: Tenant) -> None:
        with context.database.tenant_tx(tenant.id) as connection:
            assert [keep(connection, tenant, said) for said in (OURS, OURS[:1], OURS)] == [1, 2, 1]
            assert taxonomy_in_force(connection).version == 1

    def test_are_in_the_audit_log(self, context: Context, tenant: Tenant) -> None:
        with context.database.tenant_tx(tenant.id) as connection:
            keep(connection, tenant, OURS)
            rows = connection.execute("SELECT action, details FROM audit_log ORDER BY seq").fetchall()
        assert rows == [("taxonomy.proposed", {"version": 1}), ("taxonomy.promoted", {"version": 1})]

    def test_of_another_tenant_are_none_of_ours(self, context: Context, tenant: Tenant) -> None:
        other = create_tenant(context.database, "other", "Other")
        with context.database.tenant_tx(other.id) as connection:
            keep(connection, other, OURS)
        with context.database.tenant_tx(tenant.id) as connection:
            assert taxonomy_in_force(connection) == unchosen()
            with pytest.raises(NotFoundError):
                taxonomy_of_version(connection, 1)


class TestAModel:
    def test_chooses_from_the_tenants_categories_alone(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        connect_model(context, tenant, model)
        with context.database.tenant_tx(tenant.id) as connection:
            keep(connection, tenant, OURS)
        write(context, tenant, TEXTS[:1])
        model.brain = choosing("Reports / Export")
        run(context, partition(tenant))
        (row,) = analyses(context, tenant)
        assert (row["category"], row["status"]) == ("Reports / Export", "done")
        write(context, tenant, TEXTS[1:2])
        model.brain = choosing("Product / App")
        run(context, partition(tenant))
        assert analyses(context, tenant)[1]["status"] == "failed"

    def test_is_told_what_they_say_without_personal_data(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        connect_model(context, tenant, model)
        with context.database.tenant_tx(tenant.id) as connection:
            keep(connection, tenant, OURS)
        write(context, tenant, TEXTS[:1])
        run(context, partition(tenant))
        assert "Reports / Export: Export of a report fails" in model.prompts[0].system
        assert "ana@acme.example" not in model.prompts[0].system
        assert "[EMAIL_1]" in model.prompts[0].system


class TestARow:
    def test_names_the_version_it_was_made_by(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        write(context, tenant, TEXTS[:1])
        run(context, partition(tenant))
        connect_model(context, tenant, model)
        with context.database.tenant_tx(tenant.id) as connection:
            keep(connection, tenant, OURS)
            taxonomy = taxonomy_in_force(connection)
        model.brain = choosing("Invoices")
        write(context, tenant, TEXTS[1:2])
        run(context, partition(tenant))
        with context.database.tenant_tx(tenant.id) as connection:
            found = [row[0] for row in connection.execute("SELECT profile_version FROM analysis ORDER BY created_at")]
        assert found == [prompt.version_of_rules(unchosen()), prompt.version(taxonomy)]
        assert [name.split(".")[:2] for name in found] == [["default-1", "t0"], ["default-1", "t1"]]

    def test_of_another_version_is_analysed_anew_when_somebody_asks(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        connect_model(context, tenant, model)
        write(context, tenant, TEXTS)
        run(context, partition(tenant))
        paid = len(model.prompts)
        with context.database.tenant_tx(tenant.id) as connection:
            keep(connection, tenant, OURS)
        run(context, partition(tenant))
        assert len(model.prompts) == paid, "another version analyses nothing by itself"
        model.brain = choosing("Reports / Export")
        with context.database.tenant_tx(tenant.id) as connection:
            reruns.mark(connection, DAY, DAY)
        assert run(context, partition(tenant)).figures["reused"] == 0
        assert {row["category"] for row in analyses(context, tenant)} == {"Reports / Export"}
        with context.database.tenant_tx(tenant.id) as connection:
            old = connection.execute("SELECT DISTINCT category FROM analysis WHERE NOT current").fetchall()
        assert old == [("Product / App",)], "the old version stays readable"


class TestADifference:
    def test_is_shown_before_a_version_is_in_force(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        connect_model(context, tenant, model)
        write(context, tenant, TEXTS)
        run(context, partition(tenant))
        with context.database.tenant_tx(tenant.id) as connection:
            version = keep(connection, tenant, OURS, in_force=False)
        model.brain = choosing("Reports / Export")
        took, changed = rerun.changes(context, tenant, DAY, DAY, 10, version)
        assert {one.fields["category"] for one in changed} == {("Product / App", "Reports / Export")}
        assert (took.analysed, took.calls, took.cost_usd > 0) == (3, 1, True)
        usual = rerun.estimate(context, tenant, DAY, DAY)
        assert rerun.estimate(context, tenant, DAY, DAY, version).tokens_in < usual.tokens_in

    def test_costs_nothing_without_models(self, context: Context, tenant: Tenant) -> None:
        write(context, tenant, ["The app crashes on my iPhone since the update"])
        run(context, partition(tenant))
        with context.database.tenant_tx(tenant.id) as connection:
            version = keep(connection, tenant, [{"path": ["Phone"], "description": "app crashes"}], in_force=False)
        took, (changed,) = rerun.changes(context, tenant, DAY, DAY, 10, version)
        assert (took.analysed, took.calls) == (1, 0)
        assert changed.fields["category"][0] == "Product / App"


class TestCommands:
    @pytest.fixture(autouse=True)
    def _here(self, context: Context, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
        settings = context.settings
        assert settings.master_encryption_key is not None
        monkeypatch.setenv("DB_URL", str(settings.db_url))
        monkeypatch.setenv("MASTER_ENCRYPTION_KEY", settings.master_encryption_key.get_secret_value())
        monkeypatch.setenv("OPSINTEL_DATA_DIR", str(settings.data_dir))

    def call(self, *arguments: str) -> str:
        done = CliRunner().invoke(app, ["taxonomy", *arguments, "--tenant", "acme"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    def test_what_is_shown_can_be_set(self, tmp_path: Path) -> None:
        file = tmp_path / "ours.toml"
        file.write_text(self.call("show", "operations").replace("Operations", "Ours"), encoding="utf-8")
        assert json.loads(self.call("set", str(file), "--propose", "--json")) == {"version": 1, "in_force": False}
        assert json.loads(self.call("show", "--json"))["version"] == 0
        assert "Version 1 is in force" in self.call("use", "1")
        assert self.call("show") == file.read_text(encoding="utf-8")

    def test_one_of_the_products_is_a_version_once_it_is_used(self) -> None:
        self.call("use", "product")
        self.call("use", "support")
        listed = json.loads(self.call("list", "--json"))
        assert [one["key"] for one in listed["shipped"]] == ["operations", "product", "support"]
        assert [(one["version"], one["base"], one["current"]) for one in listed["versions"]] == [
            (2, "support", True), (1, "product", False),
        ]  # fmt: skip
        assert "*          2 Support" in self.call("list")

    @pytest.mark.parametrize("content", ["[[category]", '{"title": "x", "category": []}', "colour = 1", "[1]"])
    def test_a_file_that_is_none_is_refused(self, content: str, tmp_path: Path) -> None:
        file = tmp_path / "wrong.toml"
        file.write_text(content)
        done = CliRunner().invoke(app, ["taxonomy", "set", str(file), "--tenant", "acme"])
        assert done.exit_code != 0
        assert json.loads(self.call("list", "--json"))["versions"] == []
