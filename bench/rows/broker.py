"""Broker: messages a second from durable accept to the ledger through RabbitMQ, every step confirmed.

Ours writes an outbox row for each message, relays, consumes, and enters the ledger in PostgreSQL. The peer is bare pika
on the same broker, as its blocking channel has it: each message published persistent, mandatory and confirmed, then
consumed and acknowledged, with no database at all.
"""

from __future__ import annotations

from uuid import UUID

import pika
from pika.adapters.blocking_connection import BlockingChannel

from bench.measure import by_size, in_turns, timed
from bench.report import Bound, CannotRun, Report, compared, grown
from bench.workplace import Installed, Workplace
from opsintel.clock import today
from opsintel.errors import FatalError
from opsintel.ids import new_id
from opsintel.queue.consume import consume_once
from opsintel.queue.contract import PARTITION_DIRTY, QUEUE_PAGE, Announcement
from opsintel.queue.outbox import relay_once
from opsintel.queue.rabbitmq import RabbitQueue
from opsintel.queue.wire import VERSION, encode
from opsintel.tenants import create_tenant
from tests.peers.catalogue import RABBITMQ
from tests.peers.rabbitmq import running_broker

SIZES = (200, 2_000, 20_000)
MAIN = 2_000
ROUNDS = 5
OURS, PEER = "ours", "bare pika"
QUEUE = "bare"


def run(workplace: Workplace) -> Report:
    """Measure messages a second of both, and how our cost grows with the number that waits."""
    if RABBITMQ.path() is None:
        raise CannotRun("rabbitmq-server is not installed", remedy="`make peers` installs it as root")
    with workplace.installation() as installed, running_broker(workplace.scratch("rabbitmq")) as broker:
        tenant = create_tenant(installed.context.database, "broker", "Broker").id
        contenders = {
            OURS: lambda: MAIN / ours(installed, broker.url, tenant, MAIN),
            PEER: lambda: MAIN / timed(lambda: one_at_a_time(broker.url, _bodies(tenant, MAIN))),
        }
        in_turns(contenders, 1)
        values = in_turns(contenders, ROUNDS)
        costs = by_size(lambda size: ours(installed, broker.url, tenant, size) / size * 1e6, SIZES, 3)
    what = f"{MAIN:,} messages"
    return Report(
        [
            compared(what, "messages/s", values, ours=OURS, peer=PEER, bound=Bound(0.5, 0.8)),
        ],
        [grown("a message by length of the backlog", "µs", costs, Bound(0.1, at_most=True))],
    )


def ours(installed: Installed, url: str, tenant: UUID, count: int) -> float:
    """Return the seconds from the first outbox row until the ledger has all of them."""
    database = installed.context.database
    ids = [new_id() for _ in range(count)]

    def accept_and_move() -> None:
        with RabbitQueue(url) as queue:
            for start in range(0, count, QUEUE_PAGE):
                with database.tenant_tx(tenant) as connection:
                    connection.execute(
                        "INSERT INTO outbox (tenant_id, id, topic, payload) SELECT %s, id, %s, jsonb_build_object("
                        "'version', %s::int, 'day', %s::date, 'reason', 'import') FROM unnest(%s::uuid[]) AS sent (id)",
                        (tenant, PARTITION_DIRTY, VERSION, today(), ids[start : start + QUEUE_PAGE]),
                    )
            while _waiting(installed):
                relay_once(database, queue)
                consume_once(database, queue)

    spent = timed(accept_and_move)
    with database.system_tx() as connection:
        entered = connection.execute("DELETE FROM work").rowcount
    if entered != count:
        raise FatalError(f"{entered} of {count} messages reached the ledger")
    return spent


def one_at_a_time(url: str, bodies: list[bytes]) -> None:
    """Publish each message and wait for its confirm; then take each from the queue and acknowledge it."""
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = _declared(connection.channel())
        channel.confirm_delivery()
        properties = pika.BasicProperties(delivery_mode=2)
        for body in bodies:
            channel.basic_publish("", QUEUE, body, properties, mandatory=True)
        _consume(channel, len(bodies))


def _declared(channel: BlockingChannel) -> BlockingChannel:
    channel.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum", "x-delivery-limit": 10})
    channel.basic_qos(prefetch_count=QUEUE_PAGE)
    return channel


def _consume(channel: BlockingChannel, count: int) -> None:
    for number, (method, _, _) in enumerate(channel.consume(QUEUE), start=1):
        channel.basic_ack(method.delivery_tag)
        if number == count:
            channel.cancel()
            return


def _waiting(installed: Installed) -> bool:
    with installed.context.database.system_tx() as connection:
        return connection.execute("SELECT FROM outbox LIMIT 1").fetchone() is not None


def _bodies(tenant: UUID, count: int) -> list[bytes]:
    payload = {"version": VERSION, "day": today().isoformat(), "reason": "import"}
    return [encode(Announcement(tenant, new_id(), PARTITION_DIRTY, payload)) for _ in range(count)]
