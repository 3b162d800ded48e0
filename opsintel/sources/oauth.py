"""How a person lets us in at a provider, with the operator's app: addresses and credentials of OAuth 2.

The app's secret goes to the provider's own servers alone: addresses that a configuration holds are those of the kind's
defaults, or of servers that the operator names. Else whoever may change a source could have it sent to themselves.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from opsintel.connectors import oauth
from opsintel.connectors.connection import Connection, Credential
from opsintel.connectors.contract import Manifest, OAuth
from opsintel.errors import InputError
from opsintel.settings import Settings

_FIELD = re.compile(r"\{(\w+)\}")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
_OF_THE_GRANT = frozenset({"access_token", "refresh_token", "expires_at", "scope", "client_id", "client_secret"})
CALLBACK = "/v1/sources/oauth"


@dataclass(frozen=True, slots=True)
class App:
    """The operator's app at a provider."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a browser is sent, and where a code is exchanged."""

    authorize: str
    token: str


def app_of(settings: Settings, name: str) -> App | None:
    """Return the operator's app at a provider (google, microsoft, …); None where there is none."""
    client_id = getattr(settings, f"{name}_client_id", None)
    secret = getattr(settings, f"{name}_client_secret", None)
    return None if client_id is None or secret is None else App(client_id, secret.get_secret_value())


def is_offered(settings: Settings, manifest: Manifest) -> bool:
    """Tell whether sources of a kind can be authorised by OAuth here."""
    return manifest.oauth is not None and app_of(settings, manifest.oauth.app) is not None


def redirect_uri(settings: Settings, app: str) -> str:
    """Return the one address that a provider sends browsers back to: each app has its own (RFC 9700 section 4.4)."""
    return f"{settings.dashboard_url}{CALLBACK}/{app}/callback"


def endpoints_of(manifest: Manifest, config: Mapping[str, Any], settings: Settings) -> Endpoints:
    """Return the addresses of a source's provider.

    Raises `InputError` for a kind without OAuth, and where the configuration names servers that are not the provider's.
    """
    if manifest.oauth is None:
        raise InputError(f"{manifest.title} is not authorised by OAuth")
    values = manifest.config_model.model_validate(dict(config)).model_dump(mode="json")
    _require_own_servers(manifest, values, settings)
    found = [_filled(address, values) for address in (manifest.oauth.authorize_url, manifest.oauth.token_url)]
    return Endpoints(*found)


def authorization_url(manifest_oauth: OAuth, address: str, app: App, redirect: str, state: str, challenge: str) -> str:
    """Return the address to send a browser to (RFC 6749 section 4.1.1, RFC 7636 section 4.3)."""
    parameters = {
        **manifest_oauth.parameters,
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": redirect,
        "scope": manifest_oauth.scope_separator.join(manifest_oauth.scopes),
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(parameters)}"


def credential_for(
    manifest: Manifest,
    connection: Connection,
    endpoints: Endpoints,
    app: App,
    grant: Mapping[str, str],
    held: Credential,
) -> Credential:
    """Exchange a code and return the credential that it gives, by the fields of the kind.

    `grant` holds code, redirect_uri and code_verifier; of the credential that was `held`, what is not of the grant
    stays, e.g. the secret that pushes are proved with. Raises as `opsintel.connectors.oauth.token`.
    """
    form = {
        "grant_type": "authorization_code", **grant, "client_id": app.client_id, "client_secret": app.client_secret,
    }  # fmt: skip
    given = oauth.token(connection, endpoints.token, form, title=manifest.title)
    assert manifest.credential_model is not None
    known = manifest.credential_model.model_fields
    kept = {name: value for name, value in held.items() if name not in _OF_THE_GRANT}
    fresh = {**kept, "client_id": app.client_id, "client_secret": app.client_secret, **given}
    return {name: value for name, value in fresh.items() if name in known}


def require_safe_change(manifest: Manifest, config: Mapping[str, Any], held: Credential, settings: Settings) -> None:
    """Refuse a configuration that would send the operator's app's secret to servers that are not the provider's."""
    app = None if manifest.oauth is None else app_of(settings, manifest.oauth.app)
    if app is not None and hmac.compare_digest(held.get("client_secret", "").encode(), app.client_secret.encode()):
        endpoints_of(manifest, config, settings)


def _require_own_servers(manifest: Manifest, values: Mapping[str, Any], settings: Settings) -> None:
    for name, declared in manifest.config_model.model_fields.items():
        value, usual = values.get(name), declared.default
        if not isinstance(value, str) or not value.lower().startswith(("http://", "https://")):
            continue
        origin = _origin(value)
        allowed = {_origin(usual)} if isinstance(usual, str) and usual else set()
        if origin not in allowed and f"{origin[1]}:{origin[2]}" not in settings.local_servers:
            raise InputError(
                f"{name} is no server of {manifest.title}, which the operator's app is for",
                remedy="Leave it as it is, or give a credential of your own app",
            )


def _filled(address: str, values: Mapping[str, Any]) -> str:
    """Return an address with fields of the configuration in it: a whole one at its beginning, labels of its host, or
    segments of its path.
    """

    def value_of(found: re.Match[str]) -> str:
        value = str(values.get(found[1], ""))
        if found.start() == 0 and "://" in value:
            return value.rstrip("/")
        is_in_path = address[: found.start()].count("/") > 2 or (found.start() > 0 and "://" not in address)
        if not (_SEGMENT if is_in_path else _LABEL).fullmatch(value):
            raise InputError(f"{found[1]} is missing, or is no part of an address")
        return value

    return _FIELD.sub(value_of, address)


def _origin(address: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(address)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        raise InputError("An address of the configuration is none") from None
    if "@" in parts.netloc:
        raise InputError("An address of the configuration holds a user")
    return parts.scheme, parts.hostname or "", port
