"""Resolve once, check every answer, connect to what was checked: for HTTP and for every other protocol.

A name whose look-up gives one address that is not allowed is refused as a whole. A refusal never says what was found:
"does not resolve" and "is not public" are one and the same, so that nobody maps an inner network by asking.
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import Future, ThreadPoolExecutor
from ipaddress import ip_address

from opsintel.errors import AddressError, UnavailableError
from opsintel.net.addresses import is_local_server, is_public
from opsintel.net.deadline import Deadline
from opsintel.net.hosts import canonical_host, is_inner_name
from opsintel.net.policy import Policy

MOST_ANSWERS = 32
MOST_TRIED = 4
_LOOK_UPS = ThreadPoolExecutor(max_workers=16, thread_name_prefix="look-up")
"""The system's resolver takes no time limit: it runs aside, and is not waited for beyond the deadline."""


def look_up(host: str, port: int) -> list[str]:
    """Return the addresses of a host by the system's resolver, each once, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def dial(address: str, port: int, timeout: float) -> socket.socket:
    """Return a socket connected to an address that was checked."""
    return socket.create_connection((address, port), timeout)


def guarded_connect(host: str, port: int, policy: Policy, deadline: Deadline | None = None) -> socket.socket:
    """Return a socket connected to a host that a user gave, for a protocol that takes a socket (IMAP, SMTP).

    TLS is the caller's, with `server_hostname=host`. Raises `AddressError` when the address is refused,
    `UnavailableError` when nobody answers.
    """
    deadline = deadline or Deadline(policy.total_seconds)
    for address in checked_addresses(host, port, policy, deadline):
        try:
            connected = dial(address, port, deadline.left(policy.connect_seconds))
        except OSError:
            continue
        return _checked(connected, address, policy.is_local_server(canonical_host(host), port))
    raise _nobody_answers()


async def guarded_connect_async(
    host: str, port: int, policy: Policy, deadline: Deadline | None = None
) -> socket.socket:
    """Return what `guarded_connect` does, without blocking the loop; the socket does not block."""
    deadline = deadline or Deadline(policy.total_seconds)
    for address in await checked_addresses_async(host, port, policy, deadline):
        seconds = deadline.left(policy.connect_seconds)
        try:
            connected = await asyncio.to_thread(dial, address, port, seconds)
        except OSError:
            continue
        checked = _checked(connected, address, policy.is_local_server(canonical_host(host), port))
        checked.setblocking(False)
        return checked
    raise _nobody_answers()


def checked_addresses(host: str, port: int, policy: Policy, deadline: Deadline) -> list[str]:
    """Return the addresses of a host that may be connected to, at most a few; `AddressError` if any may not."""
    name = _checked_name(host, port, policy)
    answers = _LOOK_UPS.submit(look_up, name, port)
    try:
        return _checked_answers(answers.result(deadline.left(policy.connect_seconds)), name, port, policy)
    except TimeoutError:
        raise _nobody_answers() from None
    except (OSError, UnicodeError):
        raise _refused() from None


async def checked_addresses_async(host: str, port: int, policy: Policy, deadline: Deadline) -> list[str]:
    """Return what `checked_addresses` does, without blocking the loop."""
    name = _checked_name(host, port, policy)
    answers: Future[list[str]] = _LOOK_UPS.submit(look_up, name, port)
    try:
        async with asyncio.timeout(deadline.left(policy.connect_seconds)):
            return _checked_answers(await asyncio.wrap_future(answers), name, port, policy)
    except TimeoutError:
        raise _nobody_answers() from None
    except (OSError, UnicodeError):
        raise _refused() from None


def _checked_name(host: str, port: int, policy: Policy) -> str:
    name = canonical_host(host)
    if policy.is_local_server(name, port):
        return name
    if port not in policy.ports:
        raise AddressError("The address names a port that is not allowed")
    if is_inner_name(name):
        raise _refused()
    return name


def _checked_answers(answers: list[str], name: str, port: int, policy: Policy) -> list[str]:
    local = policy.is_local_server(name, port)
    if not answers or len(answers) > MOST_ANSWERS or not all(_is_allowed(answer, local) for answer in answers):
        raise _refused()
    return answers[:MOST_TRIED]


def _is_allowed(answer: str, local: bool) -> bool:
    try:
        address = ip_address(answer)
    except ValueError:
        return False
    return is_public(address) or (local and is_local_server(address))


def _checked(connected: socket.socket, address: str, local: bool) -> socket.socket:
    """Return the socket if it leads where it was meant to; a public address of this very machine is none to reach."""
    try:
        here, there = connected.getsockname()[0], connected.getpeername()[0]
    except OSError:
        connected.close()
        raise _nobody_answers() from None
    if ip_address(there) != ip_address(address) or (here == there and not local):
        connected.close()
        raise _refused()
    return connected


def _refused() -> AddressError:
    return AddressError(
        "The address cannot be used: it does not resolve, or not to public addresses only",
        remedy="An operator can allow a local server by OPSINTEL_LOCAL_SERVERS",
    )


def _nobody_answers() -> UnavailableError:
    return UnavailableError("Nobody answers at the address")
