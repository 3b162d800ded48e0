"""What calls of models came to, by day, source, purpose and model: counted with each call, in its transaction."""

from __future__ import annotations

from uuid import UUID

import psycopg

from opsintel.ids import new_id

_COUNT = """
    INSERT INTO fact_model_usage_day AS fact (tenant_id, id, day, source_id, purpose, provider, model, calls, failed,
        messages, tokens_in, tokens_out, tokens_cached, cost_usd, unpriced)
    SELECT tenant_id, %(id)s, (created_at AT TIME ZONE 'UTC')::date, source_id, purpose, provider, model, 1,
        (state <> 'settled')::int, CASE state WHEN 'settled' THEN messages ELSE 0 END, tokens_in, tokens_out,
        tokens_cached, coalesce(cost_usd, 0), (state = 'settled' AND cost_usd IS NULL)::int
    FROM model_call WHERE id = %(call)s
    ON CONFLICT (tenant_id, day, source_id, purpose, provider, model) DO UPDATE SET
        calls = fact.calls + 1, failed = fact.failed + excluded.failed, messages = fact.messages + excluded.messages,
        tokens_in = fact.tokens_in + excluded.tokens_in, tokens_out = fact.tokens_out + excluded.tokens_out,
        tokens_cached = fact.tokens_cached + excluded.tokens_cached, cost_usd = fact.cost_usd + excluded.cost_usd,
        unpriced = fact.unpriced + excluded.unpriced
"""


def count(connection: psycopg.Connection, call_id: UUID) -> None:
    """Add a call that has ended to the usage of its day, in the transaction that notes its end."""
    connection.execute(_COUNT, {"id": new_id(), "call": call_id})
