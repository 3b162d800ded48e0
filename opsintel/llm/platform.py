"""Keys of the installation: offered to tenants that have none, never stored with them, under a ceiling for each tenant.

A tenant chooses such a key like one of its own; until then nothing goes to the provider.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

import psycopg

from opsintel.alerts.store import resolve_alerts
from opsintel.crypto.secrets import Secret
from opsintel.errors import InputError
from opsintel.ids import new_id
from opsintel.llm.chain import Link
from opsintel.llm.parked import due_now
from opsintel.llm.price import price_of
from opsintel.llm.provider import Provider
from opsintel.settings import Settings

SCOPE = "platform"
"""Of the budget that calls by these keys count for."""


@dataclass(frozen=True, slots=True)
class Platform:
    """What the operator offers: keys by provider, and what a tenant may spend by them in a month."""

    keys: Mapping[str, Secret] = field(default_factory=dict)
    ceiling_usd: Decimal = Decimal(0)

    def offers(self, link: Link) -> bool:
        """Tell whether a model can be asked by a key of the installation: one without a price no ceiling would hold."""
        return link.provider in self.keys and link.price is not None


NO_PLATFORM = Platform()


def platform_of(settings: Settings) -> Platform:
    """Return what the settings offer."""
    given = {
        "openai": settings.openai_api_key,
        "anthropic": settings.anthropic_api_key,
        "gemini": settings.gemini_api_key,
    }
    keys = {name: Secret(value.get_secret_value().encode()) for name, value in given.items() if value is not None}
    return Platform(keys, Decimal(str(settings.platform_ceiling_usd)))


def require_offered(settings: Settings, provider: Provider, model: str) -> None:
    """Raise `InputError` for a provider or model that the installation does not offer."""
    offered = platform_of(settings).keys
    if provider.name not in offered:
        raise InputError(
            f"This installation offers no key to {provider.title}"
            + (f", only to {', '.join(sorted(offered))}" if offered else ""),
            remedy="Use a key of your own",
        )
    if price_of(provider.name, model) is None:
        raise InputError(
            f"What {model} costs is unknown: no ceiling holds it", remedy="Use another model, or your own key"
        )


def hold(connection: psycopg.Connection, tenant_id: UUID, ceiling_usd: Decimal) -> None:
    """Have the tenant's calls by the installation's keys held under the operator's ceiling as it is now."""
    row = connection.execute(
        "INSERT INTO budget (tenant_id, id, scope, limit_usd, degrade, degrade_from)"
        " VALUES (%s, %s, %s, %s, 'park', 1)"
        " ON CONFLICT (tenant_id, scope, subject_id) DO UPDATE SET limit_usd = excluded.limit_usd"
        " WHERE budget.limit_usd <> excluded.limit_usd RETURNING id",
        (tenant_id, new_id(), SCOPE, ceiling_usd),
    ).fetchone()
    if row is not None:
        connection.execute("UPDATE budget_period SET reached_at = NULL, warned_at = NULL WHERE budget_id = %s", row)
        resolve_alerts(connection, row[0], by_person=True)
        due_now(connection)
