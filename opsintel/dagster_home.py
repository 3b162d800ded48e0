"""Dagster's own folder and database: what an instance needs before its processes start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from opsintel.db.connect import DatabaseUrls
from opsintel.errors import DatabaseError
from opsintel.settings import Settings

INSTANCE: dict[str, Any] = {
    "storage": {"postgres": {"postgres_url": {"env": "DAGSTER_POSTGRES_URL"}}},
    "run_coordinator": {
        "module": "dagster._core.run_coordinator",
        "class": "QueuedRunCoordinator",
        "config": {
            "max_concurrent_runs": 4,
            "dequeue_interval_seconds": 1,
            "max_user_code_failure_retries": 10,
            "user_code_failure_retry_delay": 5,
            # Batches of the ledger leave room for the runs that people start.
            "tag_concurrency_limits": [{"key": "opsintel/batch", "limit": 2}],
        },
    },
    "run_monitoring": {"enabled": True, "start_timeout_seconds": 60, "poll_interval_seconds": 15},
    "run_retries": {"enabled": True, "max_retries": 2, "retry_on_asset_or_op_failure": False},
    "sensors": {"use_threads": True, "num_workers": 4},
    "retention": {
        "sensor": {"purge_after_days": {"skipped": 1, "failure": 30, "success": 7}},
        "schedule": {"purge_after_days": 90},
    },
    "telemetry": {"enabled": False},
}
"""The instance (dagster.yaml). Same as the file at the root of the project, for those who run the parts themselves."""


def write_dagster_home(settings: Settings, code_server_port: int) -> Path:
    """Write dagster.yaml and workspace.yaml into the data folder and return that folder (DAGSTER_HOME).

    JSON is YAML. Nothing secret is in the files: the address of the storage comes from the environment.
    """
    home = settings.data_dir / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    instance = dict(INSTANCE)
    if settings.s3_bucket:
        instance["compute_logs"] = {
            "module": "dagster_aws.s3.compute_log_manager",
            "class": "S3ComputeLogManager",
            "config": {"bucket": settings.s3_bucket, "prefix": "compute-logs", "region": settings.s3_region}
            | ({"endpoint_url": settings.s3_endpoint} if settings.s3_endpoint else {}),
        }
    server = {"host": "127.0.0.1", "port": code_server_port, "location_name": "opsintel"}
    _write(home / "dagster.yaml", instance)
    _write(home / "workspace.yaml", {"load_from": [{"grpc_server": server}]})
    return home


def compute_log_environment(settings: Settings) -> dict[str, str]:
    """Return the environment by which Dagster's processes reach the bucket of the compute logs; empty without one.

    Without keys of its own an installation uses the standard AWS sources, and so does Dagster.
    """
    if not settings.s3_bucket:
        return {}
    environment = {}
    if settings.s3_access_key_id and settings.s3_secret_access_key:
        environment["AWS_ACCESS_KEY_ID"] = settings.s3_access_key_id
        environment["AWS_SECRET_ACCESS_KEY"] = settings.s3_secret_access_key.get_secret_value()
    if settings.s3_endpoint:
        # Amazon's own checksums are not known to every server.
        environment["AWS_REQUEST_CHECKSUM_CALCULATION"] = "when_required"
        environment["AWS_RESPONSE_CHECKSUM_VALIDATION"] = "when_required"
    return environment


def _write(path: Path, document: dict[str, Any]) -> None:
    incomplete = path.with_suffix(".new")
    incomplete.write_text(json.dumps(document, indent=2) + "\n")
    incomplete.replace(path)


def ensure_dagster_database(urls: DatabaseUrls) -> None:
    """Make Dagster's database unless it is there; `DatabaseError` when it neither is nor can be made."""
    name = urlsplit(urls.dagster).path.lstrip("/")
    try:
        psycopg.connect(urls.dagster, connect_timeout=10).close()
    except psycopg.OperationalError as error:
        if f'database "{name}" does not exist' not in str(error):
            raise DatabaseError(
                f"Dagster's database cannot be reached: {str(error).splitlines()[-1]}",
                remedy="Check OPSINTEL_DAGSTER_DB_URL",
            ) from None
        _create(urls, name)


def _create(urls: DatabaseUrls, name: str) -> None:
    owner = urlsplit(urls.dagster).username or ""
    try:
        with psycopg.connect(urls.migration, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner))
            )
    except psycopg.Error as error:
        raise DatabaseError(
            f"Dagster's database {name} is not there and cannot be made: {str(error).splitlines()[0]}",
            remedy="Create it, or set OPSINTEL_DAGSTER_DB_URL",
        ) from None
