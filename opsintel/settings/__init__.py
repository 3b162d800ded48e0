"""All settings of the back end, read from the environment once and passed on as one typed object.

The names without the prefix `OPSINTEL_` are fixed: people have them in their deployments. `docs/settings.md` is
generated from these classes (`opsintel settings`). A wrong value is one line: the variable, what was wrong, an example.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from opsintel.errors import SettingError
from opsintel.settings.keys import KeySettings
from opsintel.settings.models import ModelSettings
from opsintel.settings.people import PeopleSettings
from opsintel.settings.providers import ProviderSettings
from opsintel.settings.serving import ServingSettings
from opsintel.settings.storage import StorageSettings
from opsintel.settings.values import without_password


class Settings(
    ProviderSettings, PeopleSettings, ModelSettings, StorageSettings, ServingSettings, KeySettings, BaseSettings
):
    """The typed settings, by subject; pydantic lists those of the last base first."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, populate_by_name=True, case_sensitive=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read only what is handed in: `load_settings` decides where values come from."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Yield the fields as a traceback may show them: without the passwords within addresses."""
        for name, value in super().__repr_args__():
            yield name, without_password(value) if isinstance(value, str) else value


def variable_of(field: str) -> str:
    """Return the environment variable of a field of `Settings`."""
    return str(Settings.model_fields[field].validation_alias)


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of an environment (default: this process's).

    Raises `SettingError` with one line for the first wrong value; secrets never appear in it.
    """
    source = os.environ if environment is None else environment
    known = {variable_of(name) for name in Settings.model_fields}
    values = {name: value for name, value in source.items() if name in known and value.strip()}
    unknown = sorted(n for n in source if n.startswith("OPSINTEL_") and n not in known | PROCESS_VARIABLES)
    if unknown:
        raise SettingError(f"{unknown[0]} is not a setting", remedy="`opsintel settings` lists them all")
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        variable = str(first["loc"][0])
        field = next(name for name in Settings.model_fields if variable in (name, variable_of(name)))
        reason = first["msg"].removeprefix("Value error, ")
        example = (Settings.model_fields[field].json_schema_extra or {}).get("example", "")  # type: ignore[union-attr]
        hint = "" if "make one" in reason else f", example: {example}"
        raise SettingError(f"{variable} {reason[:1].lower()}{reason[1:]}{hint}") from None
    _check_sign_on(settings)
    return settings


def _check_sign_on(settings: Settings) -> None:
    """Raise `SettingError` where single sign-on is set by half, or could be read on its way."""
    needed = ("oidc_issuer", "oidc_client_id", "oidc_client_secret")
    missing = [variable_of(name) for name in needed if getattr(settings, name) is None]
    if 0 < len(missing) < len(needed):
        raise SettingError(
            f"{missing[0]} is not set", remedy=f"Single sign-on needs {', '.join(map(variable_of, needed))}"
        )
    if settings.oidc_issuer is None:
        if settings.passwords == "off":
            raise SettingError(
                "OPSINTEL_PASSWORDS is off and nobody could log in",
                remedy=f"Set single sign-on up first, by {', '.join(map(variable_of, needed))}",
            )
        return
    issuer = urlsplit(settings.oidc_issuer)
    if issuer.scheme != "https" and f"{issuer.hostname}:{issuer.port or 80}" not in settings.local_servers:
        raise SettingError(
            "OPSINTEL_OIDC_ISSUER must begin with https://",
            remedy="Only a server that OPSINTEL_LOCAL_SERVERS names as host:port may do without",
        )


PROCESS_VARIABLES = frozenset({"OPSINTEL_TEST_DATA", "OPSINTEL_TEST_REQUIRE", "OPSINTEL_SUPERVISED"})
"""Variables with our prefix that are not settings: of the tests, and between `up` and its own children."""
