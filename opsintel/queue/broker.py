"""A connection to RabbitMQ with deadlines of our own: pika's blocking one waits for a confirm without end.

pika's event loop runs only inside `BrokerConnection.run`, on the caller's thread, until what is waited for has happened
or its time is over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import pika
import pika.exceptions as faults

from opsintel.errors import SettingError, UnavailableError
from opsintel.queue.topology import QUEUES

CONNECT_SECONDS = 5.0
CLOSE_SECONDS = 1.0
LAST_SECONDS = 0.01
"""For what pika still does after a connection is closed: it closes the socket."""

HEARTBEAT_SECONDS = 60
PERSISTENT = 2

# What goes wrong is raised as an error with a remedy; pika's own log would repeat it over many lines.
logging.getLogger("pika").setLevel(logging.CRITICAL)

OnBody = Callable[[int, bytes, int], None]
"""Called with the delivery tag, the body, and how often the message was delivered before."""


class BrokerConnection:
    """One connection with one channel in confirm mode; once a method has raised, it is of no further use."""

    def __init__(self, url: str, seconds: float = CONNECT_SECONDS) -> None:
        """Connect and declare the queues; `UnavailableError` when that is not done within `seconds` for each step."""
        parameters = _parameters(url, seconds)
        self.place = f"{parameters.host}:{parameters.port}"
        self._seconds = seconds
        self._fault: UnavailableError | None = None
        self._condition: Callable[[], bool] | None = None
        self._channel: Any = None
        self._published = 0
        self._unconfirmed: set[int] = set()
        self._connection = pika.SelectConnection(
            parameters,
            on_open_callback=lambda _: self._happened(),
            on_open_error_callback=lambda _, error: self._failed(error),
            on_close_callback=lambda _, error: self._failed(error),
        )
        try:
            self._open(seconds)
        except UnavailableError:
            self.close()
            raise

    def _open(self, seconds: float) -> None:
        # pika gives up by itself after `seconds`, with a better reason than ours.
        self._require(self.run(lambda: self._connection.is_open, seconds + 1), "did not answer")
        channel = self._connection.channel(on_open_callback=lambda _: self._happened())
        channel.add_on_close_callback(lambda _, error: self._failed(error))
        self._channel = channel
        self._require(self.run(lambda: bool(channel.is_open), seconds), "opened no channel")
        channel.add_on_return_callback(self._returned)
        self._call(lambda done: channel.confirm_delivery(self._confirmed, done))
        for queue in QUEUES:
            self._declare(queue.name, passive=False, arguments=queue.arguments)

    def run(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Let things happen until the condition holds, and return whether it does after at most `seconds`.

        Raises `UnavailableError` when the broker or its channel is gone.
        """
        self._turn(lambda: self._fault is not None or condition(), seconds)
        if self._fault is not None:
            raise self._fault
        return condition()

    def _turn(self, condition: Callable[[], bool], seconds: float) -> None:
        if condition():
            return
        loop = self._connection.ioloop
        timer = loop.call_later(max(seconds, 0), loop.stop)
        self._condition = condition
        try:
            loop.start()
        finally:
            self._condition = None
            loop.remove_timeout(timer)

    def publish(self, queue: str, bodies: Sequence[bytes], seconds: float) -> None:
        """Return once the broker has confirmed every body, within `seconds`; else raise `UnavailableError`."""
        properties = pika.BasicProperties(content_type="application/json", delivery_mode=PERSISTENT)
        self._unconfirmed.update(range(self._published + 1, self._published + len(bodies) + 1))
        self._published += len(bodies)
        try:
            for body in bodies:
                self._channel.basic_publish("", queue, body, properties, mandatory=True)
        except faults.AMQPError as error:
            self._failed(error)
        self._require(self.run(lambda: not self._unconfirmed, seconds), f"did not confirm within {seconds:.0f} s")

    def waiting(self, queue: str) -> int:
        """Return how many messages of a queue wait to be delivered."""
        return int(self._declare(queue, passive=True).message_count)

    def consume(self, queue: str, prefetch: int, on_body: OnBody) -> None:
        """Have the broker send messages of a queue, at most `prefetch` that are not acknowledged."""

        def deliver(_: Any, method: Any, properties: Any, body: bytes) -> None:
            on_body(method.delivery_tag, body, int((properties.headers or {}).get("x-delivery-count", 0)))
            self._happened()

        self._call(lambda done: self._channel.basic_qos(prefetch_count=prefetch, global_qos=False, callback=done))
        self._call(lambda done: self._channel.basic_consume(queue, deliver, callback=done))

    def settle(self, tags: Sequence[int], *, requeue: bool) -> None:
        """Acknowledge deliveries, or give them back."""
        try:
            for tag in tags:
                if requeue:
                    self._channel.basic_nack(tag, requeue=True)
                else:
                    self._channel.basic_ack(tag)
        except faults.AMQPError as error:
            self._failed(error)
        self.run(lambda: False, 0)  # sends them

    def close(self) -> None:
        """Close the connection, or let go of it when the broker does not answer."""
        connection = self._connection
        if connection.is_open:
            connection.close()
        self._turn(lambda: bool(connection.is_closed), CLOSE_SECONDS)
        if not connection.is_closed:
            connection._transport.abort()  # noqa: SLF001  pika has no other way to leave one that does not answer
        self._turn(lambda: False, LAST_SECONDS)
        connection.ioloop.close()

    def _declare(self, queue: str, *, passive: bool, arguments: dict[str, Any] | None = None) -> Any:
        return self._call(
            lambda done: self._channel.queue_declare(
                queue, passive=passive, durable=True, arguments=arguments, callback=done
            )
        ).method

    def _call(self, ask: Callable[[Callable[[Any], None]], Any]) -> Any:
        """Ask the broker for something and return its answer."""
        answers: list[Any] = []

        def done(answer: Any) -> None:
            answers.append(answer)
            self._happened()

        try:
            ask(done)
        except faults.AMQPError as error:
            self._failed(error)
        self._require(self.run(lambda: bool(answers), self._seconds), f"did not answer within {self._seconds:.0f} s")
        return answers[0]

    def _confirmed(self, frame: Any) -> None:
        method = frame.method
        tag = method.delivery_tag
        if isinstance(method, pika.spec.Basic.Nack):
            self._fail(f"RabbitMQ at {self.place} refused a message", "Look whether its disk or memory is full")
        elif method.multiple:
            self._unconfirmed = {waiting for waiting in self._unconfirmed if waiting > tag}
        else:
            self._unconfirmed.discard(tag)
        self._happened()

    def _returned(self, _: Any, method: Any, __: Any, ___: bytes) -> None:
        self._fail(f"RabbitMQ at {self.place} has no queue {method.routing_key}", "`opsintel migrate` declares it")

    def _failed(self, error: BaseException) -> None:
        self._fail(*_explained(error, self.place))

    def _fail(self, message: str, remedy: str) -> None:
        self._fault = self._fault or UnavailableError(message, remedy=remedy)
        self._happened()

    def _require(self, happened: bool, otherwise: str) -> None:
        if not happened:
            self._fail(
                f"RabbitMQ at {self.place} {otherwise}", "Check AMQP_URL, and that the server is up and not full"
            )
            assert self._fault is not None
            raise self._fault

    def _happened(self) -> None:
        if self._condition is not None and self._condition():
            self._connection.ioloop.stop()


def _parameters(url: str, seconds: float) -> Any:
    try:
        parameters = pika.URLParameters(url)
    except (ValueError, TypeError) as error:
        raise SettingError(
            f"AMQP_URL cannot be used: {error}", remedy="Give one such as amqp://user:secret@mq:5672/"
        ) from None
    parameters.heartbeat = HEARTBEAT_SECONDS
    parameters.socket_timeout = parameters.stack_timeout = seconds
    parameters.connection_attempts = 1
    return parameters


def _explained(error: BaseException, place: str) -> tuple[str, str]:
    """Return what a failure of pika's means, and what to do, without anything of the address but host and port."""
    inner = _innermost(error)
    if isinstance(inner, faults.ProbableAuthenticationError | faults.AuthenticationError):
        return f"RabbitMQ at {place} refuses the login", "Check user and password in AMQP_URL"
    if isinstance(inner, faults.ProbableAccessDeniedError):
        return f"RabbitMQ at {place} refuses the virtual host", "Check its name in AMQP_URL, and the user's permissions"
    if isinstance(inner, faults.ConnectionClosed | faults.ChannelClosed):
        return f"RabbitMQ at {place} refuses: {inner.reply_text}", _REMEDIES.get(inner.reply_code, _LOOK)
    return f"RabbitMQ at {place} cannot be reached ({_words(inner)})", _LOOK


def _innermost(error: BaseException) -> BaseException:
    """Return what pika wrapped, several times over."""
    parts = [*getattr(error, "exceptions", ()), getattr(error, "exception", None), *error.args]
    nested = [part for part in parts if isinstance(part, BaseException)]
    return _innermost(nested[-1]) if nested else error


def _words(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    words = str(error.args[0]) if error.args else type(error).__name__
    return "the connection was lost" if isinstance(error, faults.StreamLostError) else words


_LOOK = "Check AMQP_URL, and that the server is up"
_REMEDIES = {
    403: "Give the user of AMQP_URL the permissions to configure, write and read opsintel.*",
    406: "Let the worker empty that queue, delete it, then run `opsintel migrate`",
}
