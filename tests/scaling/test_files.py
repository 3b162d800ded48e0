"""The files for clusters are what Dagster takes, and ask parts of ours that there are."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._config import process_config, resolve_to_config_type

DEPLOY = Path(__file__).parents[2] / "deploy"


class TestFiles:
    @pytest.mark.parametrize("kind", ["celery", "k8s"])
    def test_of_instances_fit_their_launcher(self, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CELERY_BROKER_URL", "pyamqp://mq")
        launcher: dict[str, Any] = yaml.safe_load((DEPLOY / kind / "dagster.yaml").read_text())["run_launcher"]
        found = getattr(import_module(launcher["module"]), launcher["class"])
        checked = process_config(resolve_to_config_type(found.config_type()), launcher["config"])
        assert checked.success, checked.errors

    def test_of_kubernetes_run_our_modules_and_probe_our_routes(self) -> None:
        documents = list(yaml.safe_load_all((DEPLOY / "k8s" / "opsintel.yaml").read_text()))
        deployments = [document for document in documents if document["kind"] == "Deployment"]
        assert all(deployment["spec"]["replicas"] > 1 for deployment in deployments)
        for deployment in deployments:
            (container,) = deployment["spec"]["template"]["spec"]["containers"]
            assert find_spec(container["command"][2]) is not None
            probe = container["livenessProbe"]
            if "exec" in probe:
                assert find_spec(probe["exec"]["command"][2]) is not None
            else:
                assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
