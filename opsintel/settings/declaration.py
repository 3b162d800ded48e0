"""How a setting is declared: its variable, meaning, example and fallback; and the types that settings have."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import platformdirs
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, SecretStr

from opsintel.settings.signing_secrets import check_signing_secret
from opsintel.settings.values import (
    check_bucket,
    check_domain,
    check_host_and_port,
    check_issuer,
    check_key,
    check_listen_address,
    check_mail_address,
    check_network,
    check_origin,
    check_url,
    split_at_commas,
    without_password,
)


def setting(variable: str, *, meaning: str, example: str, absent: str, default: Any = ..., **limits: Any) -> Any:
    """Return the field of a setting; `example` and `absent` feed the documentation and the error lines."""
    if default is not ...:
        limits["default"] = default
    return Field(
        validation_alias=variable,
        description=meaning,
        json_schema_extra={"example": example, "absent": absent},
        **limits,
    )


def default_data_dir() -> Path:
    """Return the platform's data folder for this user; for root one that an unprivileged server can reach."""
    if os.name == "posix" and os.geteuid() == 0:
        return Path("/var/lib/opsintel")
    return Path(platformdirs.user_data_dir("opsintel", appauthor=False))


def _empty_is_absent(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _split(value: Any) -> Any:
    return split_at_commas(value) if isinstance(value, str) else value


def _absolute(value: Path | None) -> Path | None:
    return value and value.expanduser().absolute()  # the database and Dagster run in folders of their own


def _checked(check: Callable[[str], None]) -> AfterValidator:
    """Return the check of a text, of each text of a list, or of a secret; what is absent is not checked."""

    def apply(value: Any) -> Any:
        revealed = value.get_secret_value() if isinstance(value, SecretStr) else value
        for text in revealed if isinstance(revealed, tuple) else (revealed,):
            if text is not None:
                check(text)
        return value

    return AfterValidator(apply)


def _address(*schemes: str) -> AfterValidator:
    return _checked(lambda value: check_url(value, schemes))


def _check_keys(value: str) -> None:
    for key in split_at_commas(value):
        check_key(key)


_HIDDEN_PASSWORD = PlainSerializer(without_password, when_used="json-unless-none")

OptionalText = Annotated[str | None, BeforeValidator(_empty_is_absent)]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_empty_is_absent)]
Listed = Annotated[tuple[str, ...], BeforeValidator(_split)]

ListenAddress = Annotated[str, _checked(check_listen_address)]
OptionalListenAddress = Annotated[OptionalText, _checked(check_listen_address)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
OptionalAbsolutePath = Annotated[Path | None, AfterValidator(_absolute)]

DatabaseUrl = Annotated[OptionalText, _address("postgresql", "postgres"), _HIDDEN_PASSWORD]
BrokerUrl = Annotated[OptionalText, _address("amqp", "amqps"), _HIDDEN_PASSWORD]
WebUrl = Annotated[str, _address("https", "http")]
OptionalWebUrl = Annotated[OptionalText, _address("https", "http")]
MailServerUrl = Annotated[OptionalSecret, _address("smtp", "smtps")]

Issuer = Annotated[OptionalText, _checked(check_issuer)]
Domains = Annotated[
    Listed, _checked(check_domain), AfterValidator(lambda domains: tuple(domain.lower() for domain in domains))
]
MailAddress = Annotated[OptionalText, _checked(check_mail_address)]
HostAndPort = Annotated[OptionalText, _checked(check_host_and_port)]
HostsAndPorts = Annotated[Listed, _checked(check_host_and_port)]
Origins = Annotated[Listed, _checked(check_origin)]
Networks = Annotated[Listed, _checked(check_network)]
Bucket = Annotated[OptionalText, _checked(check_bucket)]

MasterKeyList = Annotated[OptionalSecret, _checked(_check_keys)]
SigningSecret = Annotated[OptionalSecret, _checked(check_signing_secret)]
