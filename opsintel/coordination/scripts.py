"""The Lua scripts of the store in Redis: each runs as one step, by the clock of the server, in whole microseconds.

A number of that size has to be written with `%.0f`: Lua's own form keeps 14 digits only.
"""

from __future__ import annotations

from typing import Final

_NOW: Final = """
    local clock = redis.call('TIME')
    local now = clock[1] * 1000000 + clock[2]
"""

_KEEP_BUCKET: Final = """
    redis.call('HSET', KEYS[1], 'full_at', string.format('%.0f', full_at),
               'blocked_until', string.format('%.0f', blocked_until))
    redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', math.max(full_at, blocked_until) / 1000 + 1))
"""

_BUCKET: Final = f"""{_NOW}
    local known = redis.call('HMGET', KEYS[1], 'full_at', 'blocked_until')
    local full_at = math.max(tonumber(known[1] or 0), now)
    local blocked_until = tonumber(known[2] or 0)
"""

ACQUIRE: Final = f"""{_BUCKET}
    local cost, capacity = tonumber(ARGV[1]), tonumber(ARGV[2])
    local wait = math.max(full_at + cost - capacity, blocked_until) - now
    if wait > 0 then return wait end
    full_at = full_at + cost
    {_KEEP_BUCKET}
    return 0
"""
"""ARGV: the tokens as time, the full bucket as time. Returns the wait. `full_at` is when the bucket is full (GCRA)."""

REFUND: Final = f"""{_BUCKET}
    if not known[1] then return 0 end
    full_at = full_at - tonumber(ARGV[1])
    {_KEEP_BUCKET}
    return 0
"""

PENALISE: Final = f"""{_BUCKET}
    blocked_until = math.max(blocked_until, now + tonumber(ARGV[1]))
    {_KEEP_BUCKET}
    return 0
"""

LOCK: Final = f"""{_NOW}
    local known = redis.call('HMGET', KEYS[1], 'fence', 'expires_at')
    if tonumber(known[2] or 0) > now then return false end
    local fence = math.max(tonumber(known[1] or 0) + 1, now)
    local expires_at = now + tonumber(ARGV[2])
    redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'fence', string.format('%.0f', fence),
               'expires_at', string.format('%.0f', expires_at))
    redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', (expires_at + tonumber(ARGV[3])) / 1000))
    return fence
"""
"""ARGV: owner, lease, how long the number is kept once the lease is over. Returns the number, or nothing."""

RENEW: Final = f"""{_NOW}
    local known = redis.call('HMGET', KEYS[1], 'owner', 'expires_at')
    if known[1] ~= ARGV[1] or tonumber(known[2] or 0) <= now then return false end
    local expires_at = now + tonumber(ARGV[2])
    redis.call('HSET', KEYS[1], 'expires_at', string.format('%.0f', expires_at))
    redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', (expires_at + tonumber(ARGV[3])) / 1000))
    return 1
"""

UNLOCK: Final = """
    if redis.call('HGET', KEYS[1], 'owner') == ARGV[1] then redis.call('HSET', KEYS[1], 'expires_at', '0') end
    return 0
"""
