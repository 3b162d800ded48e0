"""What a guarded connection may do. A client has one policy for its whole life."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from opsintel.net.hosts import canonical_host
from opsintel.settings import Settings

MEGABYTE = 1024 * 1024
_LAST_PORT = 65535
_FIRST_UNPRIVILEGED = 1024
_OTHER_SERVICES = frozenset(
    # ports that speak another protocol: the "bad ports" of the Fetch standard, databases, brokers, orchestration
    (1433, 1521, 1719, 1720, 1723, 2049, 2181, 2375, 2376, 2379, 2380, 3306, 3389, 3659, 4045, 4190, 4369, 5060, 5061)
    + (5432, 5671, 5672, 5984, 6000, 6379, 6443, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 8086, 8500, 9042)
    + (9092, 9160, 9200, 9300, 10080, 10250, 10255, 11211, 15672, 25672, 27017, 27018, 50000)
)
WEB_PORTS: Container[int] = (
    frozenset({80, 443}) | frozenset(range(_FIRST_UNPRIVILEGED, _LAST_PORT + 1)) - _OTHER_SERVICES
)
"""Ports where servers of HTTP are found, and no service that could take a request for something else."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Schemes, ports and limits. `local_servers` are exact (host, port) pairs on private addresses."""

    schemes: frozenset[str] = frozenset({"https"})
    ports: Container[int] = WEB_PORTS
    local_servers: frozenset[tuple[str, int]] = frozenset()
    redirects: int = 0
    connect_seconds: float = 10.0
    total_seconds: float = 30.0
    max_header_bytes: int = 64 * 1024
    max_body_bytes: int = 10 * MEGABYTE
    max_ratio: int = 100

    def is_local_server(self, host: str, port: int) -> bool:
        """Tell whether the operator allowed this very host and port, by the name that is used."""
        return (host, port) in self.local_servers


def local_servers_of(settings: Settings) -> frozenset[tuple[str, int]]:
    """Return the operator's list of local servers, for the policies of this installation."""
    pairs = (entry.rpartition(":") for entry in settings.local_servers)
    return frozenset((canonical_host(host), int(port)) for host, _, port in pairs)
