"""Dagster's way to the bucket of its compute logs: by the environment of its processes, and by no file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from opsintel.dagster_home import compute_log_environment, write_dagster_home
from opsintel.settings import Settings, load_settings

BUCKET = {
    "S3_BUCKET": "opsintel-raw",
    "S3_ENDPOINT": "http://127.0.0.1:9000",
    "OPSINTEL_S3_ACCESS_KEY_ID": "AKIATEST",
    "OPSINTEL_S3_SECRET_ACCESS_KEY": "the-secret-key",
}


@pytest.fixture
def with_bucket(tmp_path: Path) -> Settings:
    return load_settings(BUCKET | {"OPSINTEL_DATA_DIR": str(tmp_path)})


class TestTheEnvironment:
    def test_has_the_keys_under_the_names_that_amazons_client_reads(self, with_bucket: Settings) -> None:
        environment = compute_log_environment(with_bucket)
        assert environment["AWS_ACCESS_KEY_ID"] == "AKIATEST"
        assert environment["AWS_SECRET_ACCESS_KEY"] == "the-secret-key"
        assert environment["AWS_RESPONSE_CHECKSUM_VALIDATION"] == "when_required"

    def test_without_keys_leaves_the_standard_sources_alone(self) -> None:
        assert compute_log_environment(load_settings({"S3_BUCKET": "opsintel-raw"})) == {}

    def test_without_a_bucket_is_empty(self) -> None:
        assert compute_log_environment(load_settings({})) == {}


class TestTheFiles:
    def test_name_the_bucket_and_hold_no_key(self, with_bucket: Settings) -> None:
        home = write_dagster_home(with_bucket, 4266)
        manager = json.loads((home / "dagster.yaml").read_text())["compute_logs"]
        assert manager["class"] == "S3ComputeLogManager"
        assert manager["config"]["bucket"] == "opsintel-raw"
        assert manager["config"]["endpoint_url"] == "http://127.0.0.1:9000"
        for path in home.rglob("*"):
            assert not {"AKIATEST", "the-secret-key"} & set(path.read_text().replace('"', " ").split())
