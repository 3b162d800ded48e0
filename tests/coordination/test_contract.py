"""What both stores promise: buckets that are shared, penalties, and locks that one alone holds until its lease ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest

from opsintel.coordination.contract import Coordinator, Key, Limit

SLOW = Limit(per_second=0.01, burst=5)
"""Nothing flows in while a test runs."""

FAST = Limit(per_second=50_000, burst=1)
LEASE = timedelta(minutes=1)
OVER = timedelta(microseconds=1)


def wait_for_token(store: Coordinator, key: Key, limit: Limit) -> None:
    for _ in range(10_000):
        if not store.acquire(key, limit):
            return
    raise AssertionError("no token flowed in")


class TestABucket:
    def test_gives_out_its_burst_and_then_tells_how_long_to_wait(self, store: Coordinator, key: Key) -> None:
        assert [store.acquire(key, SLOW) for _ in range(5)] == [0] * 5
        assert 90 < store.acquire(key, SLOW) <= 100
        assert 190 < store.acquire(key, SLOW, tokens=2) <= 200

    def test_takes_nothing_when_there_is_not_enough(self, store: Coordinator, key: Key) -> None:
        assert store.acquire(key, SLOW, tokens=4) == 0
        assert store.acquire(key, SLOW, tokens=2) > 0
        assert store.acquire(key, SLOW) == 0

    def test_fills_again(self, store: Coordinator, key: Key) -> None:
        store.acquire(key, FAST)
        wait_for_token(store, key, FAST)

    def test_does_not_hold_more_than_its_burst(self, store: Coordinator, key: Key) -> None:
        store.refund(key, SLOW, tokens=5)
        store.acquire(key, SLOW)
        store.refund(key, SLOW, tokens=5)
        assert [bool(store.acquire(key, SLOW)) for _ in range(6)] == [False] * 5 + [True]

    def test_takes_back_what_was_not_used(self, store: Coordinator, key: Key) -> None:
        store.acquire(key, SLOW, tokens=5)
        store.refund(key, SLOW, tokens=2)
        assert [bool(store.acquire(key, SLOW)) for _ in range(3)] == [False, False, True]

    def test_is_not_asked_for_more_than_it_ever_holds(self, store: Coordinator, key: Key) -> None:
        with pytest.raises(ValueError, match="6 tokens of a bucket that holds 5"):
            store.acquire(key, SLOW, tokens=6)

    def test_gives_each_token_once_however_many_ask(self, store: Coordinator, key: Key) -> None:
        limit = Limit(per_second=0.01, burst=20)
        with ThreadPoolExecutor(8) as pool:
            waits = list(pool.map(lambda _: store.acquire(key, limit), range(100)))
        assert waits.count(0) == 20

    def test_of_another_tenant_or_name_is_another(self, store: Coordinator, key: Key) -> None:
        store.acquire(key, SLOW, tokens=5)
        assert store.acquire(Key(UUID(int=8), key.name), SLOW) == 0
        assert store.acquire(Key(None, key.name), SLOW) == 0
        assert store.acquire(Key(key.tenant_id, f"{key.name} of another"), SLOW) == 0


class TestAPenalty:
    def test_keeps_a_bucket_closed_however_full_it_is(self, store: Coordinator, key: Key) -> None:
        store.penalise(key, 60)
        assert 50 < store.acquire(key, SLOW) <= 60

    def test_is_not_shortened_by_a_lesser_one(self, store: Coordinator, key: Key) -> None:
        store.penalise(key, 60)
        store.penalise(key, 1)
        assert store.acquire(key, SLOW) > 50

    def test_ends(self, store: Coordinator, key: Key) -> None:
        store.penalise(key, 0.00001)
        wait_for_token(store, key, SLOW)


class TestALock:
    def test_is_held_by_one(self, store: Coordinator, key: Key) -> None:
        with ThreadPoolExecutor(8) as pool:
            taken = list(pool.map(lambda _: store.lock(key, LEASE), range(16)))
        assert sum(lock is not None for lock in taken) == 1

    def test_of_another_tenant_is_another(self, store: Coordinator, key: Key) -> None:
        assert store.lock(key, LEASE)
        assert store.lock(Key(UUID(int=8), key.name), LEASE)

    def test_is_free_once_its_holder_frees_it(self, store: Coordinator, key: Key) -> None:
        first = store.lock(key, LEASE)
        assert first is not None
        store.unlock(first)
        second = store.lock(key, LEASE)
        assert second is not None
        assert second.fence > first.fence

    def test_is_free_after_its_lease_and_its_late_holder_is_told(self, store: Coordinator, key: Key) -> None:
        late = store.lock(key, OVER)
        assert late is not None
        holder = store.lock(key, LEASE)
        assert holder is not None
        assert holder.fence > late.fence
        assert not store.renew(late)
        store.unlock(late)
        assert store.lock(key, LEASE) is None
        assert store.renew(holder)

    def test_that_is_over_cannot_be_renewed_even_when_nobody_took_it(self, store: Coordinator, key: Key) -> None:
        late = store.lock(key, OVER)
        assert late is not None
        assert not store.renew(late)

    def test_is_kept_by_renewing_it(self, store: Coordinator, key: Key) -> None:
        lock = store.lock(key, LEASE)
        assert lock is not None
        assert store.renew(lock)
        assert store.lock(key, LEASE) is None
