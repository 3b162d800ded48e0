"""dagster.yaml and workspace.yaml: the instance that the product writes itself, and files that Dagster takes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._serdes import ConfigurableClassData
from dagster_aws.s3.compute_log_manager import S3ComputeLogManager

from opsintel.dagster_home import INSTANCE
from tests.deploy.compose import ROOT, command_of, compose_file, environment_of


def code_server_of(path: Path) -> GrpcServerCodeLocationOrigin:
    (origin,) = WorkspaceFileTarget([str(path)]).create_origins()
    assert isinstance(origin, GrpcServerCodeLocationOrigin)
    return origin


class TestTheInstance:
    def test_is_the_one_that_the_product_writes(self) -> None:
        assert yaml.safe_load((ROOT / "dagster.yaml").read_text()) == INSTANCE

    def test_is_accepted_by_dagster(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DAGSTER_POSTGRES_URL", "postgresql+psycopg2://dagster:x@127.0.0.1/dagster")
        settings, custom_class = dagster_instance_config(str(ROOT))
        assert custom_class is None
        assert settings["run_coordinator"]["class"] == "QueuedRunCoordinator"


class TestTheInstanceOfTheContainers:
    def test_is_the_same_with_the_output_of_runs_in_the_bucket(self) -> None:
        instance = yaml.safe_load((ROOT / "deploy" / "dagster.yaml").read_text())
        config = instance.pop("compute_logs")["config"]
        assert instance == INSTANCE
        given = compose_file()["x-dagster"]
        assert {part["env"] for part in config.values() if isinstance(part, dict)} <= set(given)

    def test_is_accepted_by_dagster(self, monkeypatch: pytest.MonkeyPatch, surroundings: dict[str, str]) -> None:
        for name, value in environment_of("dagster-webserver", surroundings).items():
            monkeypatch.setenv(name, value)
        settings, _ = dagster_instance_config(str(ROOT / "deploy"))
        manager = ConfigurableClassData(
            settings["compute_logs"]["module"], settings["compute_logs"]["class"],
            yaml.safe_dump(settings["compute_logs"]["config"]),
        ).rehydrate(as_type=S3ComputeLogManager)  # fmt: skip
        assert manager.inst_data is not None


class TestTheWorkspace:
    def test_at_the_root_is_this_machines_code_server(self) -> None:
        origin = code_server_of(ROOT / "workspace.yaml")
        assert (origin.host, origin.location_name) == ("127.0.0.1", "opsintel")

    def test_of_the_containers_is_the_service_and_port_of_the_compose_file(self) -> None:
        origin = code_server_of(ROOT / "deploy" / "workspace.yaml")
        command = command_of("code-server")
        assert origin.host == "code-server"
        assert str(origin.port) == command[command.index("-p") + 1]
        assert origin.location_name == command[command.index("--location-name") + 1]
