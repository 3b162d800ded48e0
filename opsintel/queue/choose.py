"""Which queue an installation has: RabbitMQ where `AMQP_URL` names one, else the one in PostgreSQL."""

from __future__ import annotations

from opsintel.db.engine import Database
from opsintel.queue.contract import Queue
from opsintel.queue.postgres import PostgresQueue
from opsintel.settings import Settings


def open_queue(settings: Settings, database: Database) -> Queue:
    """Return the queue of the settings, to be closed at the end; it connects when it is first used."""
    if settings.amqp_url is None:
        return PostgresQueue(database)
    from opsintel.queue.rabbitmq import RabbitQueue

    return RabbitQueue(settings.amqp_url)
