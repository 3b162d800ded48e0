"""The demo's own installation: folder, secrets, tenants, accounts and sample."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from opsintel.context import Context
from opsintel.errors import StorageError
from opsintel.sample.shift import COMPANIES, SampleSource, sample_sources, write_sample
from opsintel.settings import Settings, load_settings, variable_of
from opsintel.tenants import all_tenants, create_tenant

_KEPT = ("embedding_weights", "embedding_download", "log_level")
"""Settings of the surroundings that the demo heeds; the rest of them are for a real installation."""


@dataclass(frozen=True)
class Login:
    """An account of the demo."""

    tenant: str
    email: str
    password: str


def demo_environment(environment: Mapping[str, str], port: int, dagster_port: int) -> dict[str, str]:
    """Return the environment of the demo's processes: embedded parts, this machine only, secrets of its own."""
    data_dir = load_settings(environment).data_dir / "demo"
    ours = {variable_of(name) for name in Settings.model_fields}
    kept = {variable_of(name) for name in _KEPT}
    surroundings = {name: value for name, value in environment.items() if name not in ours or name in kept}
    stored = _secrets(data_dir)
    return surroundings | {
        variable_of("data_dir"): str(data_dir),
        variable_of("api_addr"): f"127.0.0.1:{port}",
        variable_of("dagster_port"): str(dagster_port),
        variable_of("master_encryption_key"): stored["master_encryption_key"],
        variable_of("jwt_secret"): stored["jwt_secret"],
    }


def demo_logins(data_dir: Path) -> list[Login]:
    """Return the accounts of the demo: the owner of each company."""
    stored = _secrets(data_dir)
    return [Login(slug, f"owner@{domains[0]}", stored[f"password_{slug}"]) for slug, (_, domains) in COMPANIES.items()]


def prepare_tenants(context: Context, data_dir: Path) -> None:
    """Make the tenants and accounts that are not there yet."""
    from opsintel.access.accounts import create_user

    for slug, (name, domains) in COMPANIES.items():
        create_tenant(context.database, slug, name, own_domains=domains)
    tenants = {tenant.slug: tenant for tenant in all_tenants(context.database)}
    for login in demo_logins(data_dir):
        create_user(context.database, login.email, "Demo owner", login.password, tenants[login.tenant].id, role="owner")


def written_sample(data_dir: Path) -> list[SampleSource]:
    """Write the sample once, its last day yesterday, and return its sources."""
    folder = data_dir / "sample"
    if not folder.exists():
        incomplete = data_dir / "sample.new"
        incomplete.mkdir(parents=True, exist_ok=True)
        write_sample(incomplete)
        incomplete.rename(folder)
    return sample_sources(folder)


def _secrets(data_dir: Path) -> dict[str, str]:
    """Return the demo's secrets, made on the first call and kept in its folder, readable by its owner only."""
    path = data_dir / "secrets.json"
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o755)
        if not path.exists():
            made = {
                "master_encryption_key": base64.b64encode(secrets.token_bytes(32)).decode(),
                "jwt_secret": secrets.token_urlsafe(48),
            } | {f"password_{slug}": secrets.token_urlsafe(12) for slug in COMPANIES}
            incomplete = path.with_suffix(".new")
            with open(os.open(incomplete, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump(made, file)
                file.flush()
                os.fsync(file.fileno())
            incomplete.replace(path)
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError) as error:
        raise StorageError(
            f"The demo's folder {data_dir} cannot be used: {error}",
            remedy="Set OPSINTEL_DATA_DIR to a folder of yours, or remove the broken demo folder",
        ) from None
