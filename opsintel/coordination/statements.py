"""The statements of the store in PostgreSQL, one for each operation; $1 is the key."""

from __future__ import annotations

from typing import Final, LiteralString

LEAST_WAIT: Final = 0.001
"""Seconds to wait, at least, when tokens were refused: by the time the wait is told, it may be over."""

ACQUIRE: LiteralString = """
    WITH taken AS (
        INSERT INTO rate_limit AS known (key, full_at, blocked_until)
        VALUES ($1, clock_timestamp() + $2::interval, '-infinity')
        ON CONFLICT (key) DO UPDATE SET full_at = greatest(known.full_at, clock_timestamp()) + $2::interval
        WHERE greatest(known.full_at, clock_timestamp()) + $2::interval <= clock_timestamp() + $3::interval
              AND known.blocked_until <= clock_timestamp()
        RETURNING 1)
    SELECT CASE WHEN EXISTS (SELECT FROM taken) THEN 0 ELSE coalesce((
        SELECT extract(epoch FROM greatest(greatest(full_at, clock_timestamp()) + $2::interval - $3::interval,
                                           blocked_until) - clock_timestamp())
        FROM rate_limit WHERE key = $1), 0.01) END::double precision
"""
"""$2: the tokens as time; $3: the full bucket as time. `full_at` is when the bucket is full again (GCRA)."""

REFUND: LiteralString = "UPDATE rate_limit SET full_at = full_at - $2::interval WHERE key = $1"

PENALISE: LiteralString = """
    INSERT INTO rate_limit AS known (key, full_at, blocked_until)
    VALUES ($1, clock_timestamp(), clock_timestamp() + $2::interval)
    ON CONFLICT (key) DO UPDATE SET blocked_until = greatest(known.blocked_until, excluded.blocked_until)
"""

PRUNE_LIMITS: LiteralString = """
    WITH page AS MATERIALIZED (
        SELECT key FROM rate_limit WHERE greatest(full_at, blocked_until) < clock_timestamp()
        LIMIT 1000 FOR UPDATE SKIP LOCKED)
    DELETE FROM rate_limit USING page WHERE rate_limit.key = page.key
"""
"""A bucket that is full is the same as none."""

LOCK: LiteralString = """
    INSERT INTO named_lock AS known (key, owner, fence, expires_at)
    VALUES ($1, $2::uuid, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, clock_timestamp() + $3::interval)
    ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, fence = greatest(known.fence + 1, excluded.fence),
                                    expires_at = clock_timestamp() + $3::interval
    WHERE known.expires_at <= clock_timestamp()
    RETURNING fence
"""

RENEW: LiteralString = """
    UPDATE named_lock SET expires_at = clock_timestamp() + $3::interval
    WHERE key = $1 AND owner = $2::uuid AND expires_at > clock_timestamp() RETURNING fence
"""

UNLOCK: LiteralString = "UPDATE named_lock SET expires_at = '-infinity' WHERE key = $1 AND owner = $2::uuid"

PRUNE_LOCKS: LiteralString = """
    WITH page AS MATERIALIZED (
        SELECT key FROM named_lock
        WHERE to_timestamp(fence / 1000000) < clock_timestamp() - $1::interval
              AND expires_at < clock_timestamp() - $1::interval
        LIMIT 1000 FOR UPDATE SKIP LOCKED)
    DELETE FROM named_lock USING page WHERE named_lock.key = page.key
"""
