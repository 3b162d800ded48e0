"""Forty secrets, planted where the product keeps each kind; and how they are found again, whatever their form."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID

from pydantic import SecretStr

from opsintel.access import opaque, tokens
from opsintel.crypto.secrets import Secret
from opsintel.settings import Settings, load_settings, variable_of

STORED = (
    "model.openai", "model.anthropic", "model.gemini", "model.azure", "sheets.service_account", "imap.password",
    "smtp.password", "gmail.refresh_token", "outlook.refresh_token", "slack.bot_token", "slack.signing_secret",
    "zendesk.api_token", "jira.api_token", "webhook.secret", "oidc.client_secret", "s3.secret_key",
)  # fmt: skip
"""Credentials of tenants, sealed in the database."""

ISSUED = (
    "password", "former password", "service key", "rotated service key", "operator token", "access token",
    "refresh token", "reset token", "invitation token", "registration token", "OAuth state", "OAuth code verifier",
)  # fmt: skip
"""What the product gives to people and programs, or takes from them."""

ADDRESSES = {
    "db_url": "postgresql://opsintel:{}@127.0.0.1:1/opsintel",
    "migration_url": "postgresql://owner:{}@127.0.0.1:1/opsintel",
    "dagster_db_url": "postgresql://dagster:{}@127.0.0.1:1/dagster",
    "amqp_url": "amqp://opsintel:{}@127.0.0.1:1/",
    "smtp_url": "smtp://opsintel:{}@127.0.0.1:1",
}
"""Settings that hold a password within an address."""


@dataclass(frozen=True)
class Planted:
    """A secret by its name; `kind` is settings, stored or issued."""

    name: str
    kind: str
    value: str

    @property
    def held(self) -> object:
        """Return it as the product holds it in memory."""
        if self.kind == "settings":
            return SecretStr(self.value)
        return Secret(self.value.encode()) if self.kind == "stored" else self.value

    def forms(self) -> Iterator[bytes]:
        """Yield what of it would be seen: as it is, in an address, in JSON, in hexadecimal, in base64."""
        raw = self.value.encode()
        yield from (raw, quote(self.value, safe="").encode(), json.dumps(self.value)[1:-1].encode(), raw.hex().encode())
        for shift in range(3):
            encoded = base64.b64encode(b"\0" * shift + raw)
            inner = encoded[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6]
            yield from (inner, inner.translate(bytes.maketrans(b"+/", b"-_")))

    def contexts(self) -> Iterator[str]:
        """Yield texts as libraries and people write them into errors."""
        value = self.value
        yield f"connecting with password={value} failed"
        yield f"GET https://api.example/v1 Authorization: Bearer {value}"
        yield f"cannot open https://somebody:{value}@host.example/path"
        yield repr({"api_key": value, "timeout": 3})
        yield json.dumps({"client_secret": value})
        yield f"https://insights.example/reset?token={value}&x=1"


def plant() -> tuple[list[Planted], dict[str, str]]:
    """Return the secrets, and the environment that holds those of the settings."""
    found, environment = [], {}
    for name in Settings.model_fields:
        if name in ADDRESSES:
            value = _new(f"pw/{name}")
            environment[variable_of(name)] = ADDRESSES[name].format(quote(value, safe=""))
        elif "SecretStr" in str(Settings.model_fields[name].annotation):
            value = base64.b64encode(secrets.token_bytes(32)).decode() if "master" in name else _new(f"+{name}/")
            environment[variable_of(name)] = value
        else:
            continue
        found.append(Planted(name, "settings", value))
    found += [Planted(name, "stored", _new(name)) for name in STORED]
    found += [Planted(name, "issued", _issued(name)) for name in ISSUED]
    return found, environment


def _new(about: str) -> str:
    return f"{about}+{secrets.token_hex(20)}"


def _issued(name: str) -> str:
    if name == "access token":
        whose = (UUID(int=secrets.randbits(128)) for _ in range(3))
        return tokens.issue(tokens.AccessToken(*whose), secrets.token_bytes(32))
    if "service key" in name:
        return opaque.new_token(opaque.SERVICE_KEY)
    if name == "operator token":
        return opaque.new_token(opaque.OPERATOR)
    return secrets.token_urlsafe(32)


def hunted(planted: list[Planted], seen: bytes) -> set[str]:
    """Return the names of the secrets that stand in the bytes in any form."""
    return {secret.name for secret in planted if any(form in seen for form in secret.forms())}


def settings_of(environment: Mapping[str, str], **more: str) -> Settings:
    """Return the settings of an installation with these secrets."""
    beside_secrets = {
        "OPSINTEL_MAIL_FROM": "insights@opsintel.example",
        "OPSINTEL_OIDC_ISSUER": "https://sign-on.opsintel.example",
        "OPSINTEL_OIDC_CLIENT_ID": "opsintel",
    }
    return load_settings({**environment, **beside_secrets, **more})


__all__ = ["Planted", "hunted", "plant", "settings_of"]
