"""How the API, the dashboard and the Dagster UI are reached, what may be asked of them, and what they report."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from opsintel.settings.declaration import (
    ListenAddress,
    Networks,
    OptionalListenAddress,
    OptionalWebUrl,
    Origins,
    setting,
)


class ServingSettings(BaseModel):
    """How the API, the dashboard and the Dagster UI are reached, what may be asked of them, and what they report."""

    api_addr: ListenAddress = setting(
        "API_ADDR",
        default=":8080",
        meaning="Listen address of the API",
        example="127.0.0.1:8080",
        absent="`:8080`",
    )
    public_url: OptionalWebUrl = setting(
        "OPSINTEL_PUBLIC_URL",
        default=None,
        meaning="Address under which people reach the dashboard (links, OAuth, webhooks)",
        example="https://ops.example.com",
        absent="`http://localhost` and the API's port",
    )
    allowed_origins: Origins = setting(
        "OPSINTEL_ALLOWED_ORIGINS",
        default=(),
        meaning="Origins of other sites whose pages may use the API from a browser, with commas between",
        example="https://portal.example.com",
        absent="none: the dashboard is of one origin",
    )
    trusted_proxies: Networks = setting(
        "OPSINTEL_TRUSTED_PROXIES",
        default=(),
        meaning="Addresses and networks of proxies in front of the API, with commas between: of what comes"
        " through them X-Forwarded-For and X-Forwarded-Proto are believed",
        example="10.0.0.5,172.18.0.0/16",
        absent="none: the direct peer is the client",
    )
    dagster_port: int = setting(
        "OPSINTEL_DAGSTER_PORT",
        default=3001,
        meaning="Port of the Dagster UI on 127.0.0.1",
        example="3001",
        absent="`3001`",
        ge=1,
        le=65535,
    )
    api_reads_per_minute: int = setting(
        "OPSINTEL_API_READS_PER_MINUTE",
        default=3000,
        meaning="Requests that read, of a tenant in a minute; 0 for no limit",
        example="6000",
        absent="`3000`",
        ge=0,
    )
    api_searches_per_minute: int = setting(
        "OPSINTEL_API_SEARCHES_PER_MINUTE",
        default=600,
        meaning="Searches of a tenant in a minute; 0 for no limit",
        example="1200",
        absent="`600`",
        ge=0,
    )
    api_writes_per_minute: int = setting(
        "OPSINTEL_API_WRITES_PER_MINUTE",
        default=600,
        meaning="Requests that change something, of a tenant in a minute; 0 for no limit",
        example="1200",
        absent="`600`",
        ge=0,
    )
    log_level: str = setting(
        "OPSINTEL_LOG_LEVEL",
        default="INFO",
        meaning="Least level of log lines",
        example="INFO",
        absent="`INFO`",
        pattern="^(DEBUG|INFO|WARNING|ERROR)$",
    )
    log_format: str = setting(
        "OPSINTEL_LOG_FORMAT",
        default="auto",
        meaning="Form of log lines: json or text",
        example="json",
        absent="`auto`: text on a terminal, else JSON lines",
        pattern="^(auto|json|text)$",
    )
    metrics_addr: OptionalListenAddress = setting(
        "OPSINTEL_METRICS_ADDR",
        default=None,
        meaning="Listen address of the API's metrics for Prometheus, apart from its own",
        example="127.0.0.1:9464",
        absent="no metrics of the API",
    )
    worker_metrics_addr: OptionalListenAddress = setting(
        "OPSINTEL_WORKER_METRICS_ADDR",
        default=None,
        meaning="Listen address of the worker's metrics for Prometheus: the queue, the ledger, the database",
        example="127.0.0.1:9465",
        absent="no metrics of the worker",
    )

    @property
    def api_host(self) -> str:
        """Host to listen on: all interfaces when `API_ADDR` names none."""
        return self.api_addr.rpartition(":")[0].strip("[]") or "0.0.0.0"  # noqa: S104  `:8080` means all of them

    @property
    def api_port(self) -> int:
        """Port to listen on."""
        return int(self.api_addr.rpartition(":")[2])

    @property
    def dashboard_url(self) -> str:
        """Address of the dashboard for links, without a slash at the end."""
        return (self.public_url or f"http://localhost:{self.api_port}").rstrip("/")

    def page(self, name: Literal["login", "invitation", "reset", "register"], token: str = "") -> str:
        """Return the address of a page; a token stands in the fragment, which no server and no Referer gets to see."""
        return f"{self.dashboard_url}/{name}/" + (f"#token={token}" if token else "")
