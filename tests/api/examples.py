"""A request that works for every route: what tests over all routes send, by the line of scopes.toml.

A route that is not listed needs no body and no query, and answers 200. Whoever adds one that does lists it here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opsintel.access.roles import OPEN, matrix
from tests.seeding import Seeded

ABSENT_TENANT = "01993c5e-7c00-7000-8000-00000000dead"
"""What operators' routes are tried with, so that no test over all routes suspends the tenant it is about."""


@dataclass(frozen=True)
class Example:
    """Body and query of a request, and the statuses it may answer whoever may use the route."""

    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    statuses: frozenset[int] = frozenset({200})


def example(route: str, tenant: Seeded) -> Example:
    """Return the example of a route for a tenant."""
    day = str(tenant.last_day)
    ok, done, refused = frozenset({200}), frozenset({204}), frozenset({422})
    listed = {
        "POST /v1/auth/logout-everywhere": Example(statuses=done),
        "POST /v1/auth/switch": Example({"tenant": tenant.slug}, statuses=ok),
        "PUT /v1/me/password": Example({"current": "wrong", "new": "another long password"}, statuses=refused),
        "PATCH /v1/members/{user_id}": Example({}, statuses=frozenset({204, 404})),
        "DELETE /v1/members/{user_id}": Example(statuses=frozenset({204, 404})),
        "POST /v1/invitations": Example({"email": "new@guest.example", "role": "viewer"}, statuses=frozenset({201})),
        "DELETE /v1/invitations/{invitation_id}": Example(statuses=frozenset({204, 404})),
        "POST /v1/corrections": Example(
            {"message_id": str(tenant.messages[0]), "field": "kind", "value": "incident"}, statuses=frozenset({201})
        ),
        "DELETE /v1/corrections/{correction_id}": Example(statuses=done),
        "POST /v1/taxonomies": Example({"base": "operations"}, statuses=frozenset({201})),
        "POST /v1/taxonomies/{taxonomy_id}/promote": Example(statuses=frozenset({200, 409})),
        "POST /v1/review-items/{review_item_id}/resolve": Example(
            {"verdict": "skipped"}, statuses=frozenset({200, 409})
        ),
        **{
            f"POST /v1/learned-rules/{{learned_rule_id}}/{act}": Example(statuses=frozenset({200, 409}))
            for act in ("accept", "reject", "undo")
        },
        "POST /v1/shadow-runs": Example({}, statuses=frozenset({202})),
        "POST /v1/shadow-runs/{shadow_run_id}/promote": Example({}, statuses=frozenset({200, 409})),
        "PUT /v1/policies/promotion": Example({"margin": 0.01}),
        "GET /v1/search": Example(query={"q": "tax"}),
        "POST /v1/backfills": Example({"from": day, "to": day}, statuses=frozenset({202})),
        "POST /v1/estimates": Example({"from": day, "to": day}, statuses=frozenset({202})),
        "POST /v1/erasures": Example(
            {"subject": {"email": "nobody@example.com"}, "dry_run": True}, statuses=frozenset({202})
        ),
        "POST /v1/person-exports": Example({"subject": {"email": "nobody@example.com"}}, statuses=frozenset({202})),
        "GET /v1/person-exports/{export_id}/file": Example(statuses=frozenset({409})),
        "POST /v1/service-keys": Example({"name": "Report", "scopes": ["insights.read"]}, statuses=frozenset({201})),
        "POST /v1/service-keys/{key_id}/rotate": Example({}, statuses=frozenset({200, 409})),
        "POST /v1/messages/{message_id}/reveal": Example({"reason": "Refund of ticket 4417"}),
        "PUT /v1/policies/retention": Example(
            {"message_days": None, "raw_payload_days": None, "fact_days": None}, statuses=ok
        ),
        "PUT /v1/policies/sending": Example({"sends_notes": False, "local_only": False}),
        "PUT /v1/policies/personal-data": Example({"policy": "masked"}),
        "POST /v1/sources": Example(
            {"kind": "ingest", "name": "Program", "config": {}}, statuses=frozenset({201, 409})
        ),
        "PATCH /v1/sources/{source_id}": Example({}),
        "DELETE /v1/sources/{source_id}": Example(statuses=done),
        "POST /v1/sources/{source_id}/authorization": Example(statuses=refused),
        "POST /v1/sources/{source_id}/check": Example(statuses=frozenset({202})),
        "POST /v1/sources/{source_id}/retry": Example(statuses=frozenset({202})),
        "POST /v1/sources/{source_id}/sync": Example(statuses=frozenset({202, 409})),
        "POST /v1/sources/{source_id}/census": Example(statuses=frozenset({202, 409})),
        "POST /v1/sources/{source_id}/backfill": Example({"from": day}, statuses=frozenset({202, 409})),
        "PUT /v1/sources/{source_id}/filter": Example(
            {"filter_id": str(tenant.filter)}, statuses=frozenset({202, 404})
        ),
        "POST /v1/filters": Example({"name": "Refunds", "text": "subject:refund"}, statuses=frozenset({201, 409})),
        "POST /v1/filter-previews": Example({"text": "subject:refund"}),
        "PUT /v1/filters/{filter_id}": Example(
            {"name": "Customers", "text": "from:@buyer.example"}, statuses=frozenset({200, 403, 404})
        ),
        "DELETE /v1/filters/{filter_id}": Example(statuses=frozenset({204, 403, 404})),
        "POST /v1/keys": Example({"provider": "openai", "value": "sk-1"}, statuses=frozenset({201, 409})),
        "DELETE /v1/keys/{model_key_id}": Example(statuses=frozenset({204, 404})),
        "POST /v1/keys/{model_key_id}/test": Example(statuses=frozenset({202, 404})),
        "POST /v1/keys/{model_key_id}/rotate": Example({"value": "sk-2"}, statuses=frozenset({200, 404})),
        "PUT /v1/chains": Example({"purpose": "name_issue", "links": []}),
        "PUT /v1/budgets": Example({"limit_usd": 25}),
        "POST /v1/alerts/{alert_id}/acknowledge": Example(statuses=frozenset({200, 409})),
        "DELETE /v1/budgets/{budget_id}": Example(statuses=frozenset({204, 404})),
        "DELETE /v1/service-keys/{key_id}": Example(statuses=frozenset({204})),
    }
    return listed.get(route, Example())


def ids_of(tenant: Seeded) -> dict[str, str]:
    """Return an id of the tenant for every path parameter that there is."""
    return {
        "issue_id": str(tenant.issues["tax"]),
        "message_id": str(tenant.messages[0]),
        "source_id": str(tenant.sources["mbox"]),
        "job_id": str(tenant.job),
        "erasure_id": str(tenant.erasure),
        "export_id": str(tenant.person_export),
        "key_id": str(tenant.service_key),
        "correction_id": str(tenant.correction),
        "model_key_id": str(tenant.model_key),
        "budget_id": str(tenant.budget),
        "alert_id": str(tenant.alert),
        "review_item_id": str(tenant.review_item),
        "shadow_run_id": str(tenant.shadow_run),
        "learned_rule_id": str(tenant.learned_rule),
        "user_id": str(tenant.leaver),
        "invitation_id": str(tenant.invitation),
        "filter_id": str(tenant.filter),
        "taxonomy_id": str(tenant.taxonomy),
        "tenant_id": ABSENT_TENANT,
        "app": "google",
    }


def path_of(route: str, tenant: Seeded) -> str:
    """Return the path of a route with the tenant's ids in it."""
    return route.split()[1].format(**ids_of(tenant))


def protected_routes() -> list[str]:
    """Return every route that needs a token of a tenant, by its line of scopes.toml."""
    rights = matrix()
    return sorted(route for route, need in rights.routes.items() if need != OPEN and not need <= rights.of_operators)
