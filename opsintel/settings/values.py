"""The forms that values of settings have. Each check raises `ValueError` saying what is wrong, never the value."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from urllib.parse import urlsplit

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._~-]+)?\]")
_PORT = re.compile(r"[0-9]{1,5}")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,63}")
_MAIL_ADDRESS = re.compile(r"(?:[\w .-]+ )?<[!-;=?-~]+@[\w.-]+>|[!-;=?-~]+@[\w.-]+")
_ORIGIN = re.compile(r"https?://(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_CONTROLS = re.compile(r"[\x00-\x20\x7f]")
_MARKUP = re.compile(r"[<>\"]")
_PASSWORD = re.compile(r"(://[^\s/:@]*):[^\s/@]+(?=@)")
_LARGEST_PORT = 65535
_KEY_BYTES = 32


def check_url(value: str, schemes: tuple[str, ...]) -> None:
    """Require an address with one of the schemes and a host; a socket's address names its host as a parameter."""
    if _CONTROLS.search(value) or (value.startswith("http") and _MARKUP.search(value)):
        raise ValueError("holds a character that no address has")
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"is not an address ({error})") from None
    if parts.scheme not in schemes or not (parts.hostname or parts.query):
        raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)} and name a host")


def check_issuer(value: str) -> None:
    """Require the identifier of a provider: an address without query, fragment and user (OpenID Connect Core 1.0)."""
    check_url(value, ("https", "http"))
    parts = urlsplit(value)
    if "?" in value or "#" in value or parts.username is not None:
        raise ValueError("must have no query, no fragment and no user")


def check_domain(value: str) -> None:
    """Require a domain as it stands behind the @ of an address; an international one in its ASCII form."""
    if not _DOMAIN.fullmatch(value):
        raise ValueError("must be domains, without @")


def check_listen_address(value: str) -> None:
    """Require `host:port` or `:port`; an IPv6 address stands in brackets."""
    host, separator, port = value.rpartition(":")
    if not separator or not _is_port(port) or (host and not _HOST.fullmatch(host)):
        raise ValueError("must be host:port or :port, an IPv6 address in brackets")


def check_host_and_port(value: str) -> None:
    """Require `host:port`."""
    host, _, port = value.rpartition(":")
    if not _is_port(port) or not _HOST.fullmatch(host):
        raise ValueError("must be host:port")


def check_origin(value: str) -> None:
    """Require scheme, host and, where it is not the scheme's own, port, as browsers write them (RFC 6454)."""
    if not _ORIGIN.fullmatch(value):
        raise ValueError("must be an origin: https:// or http://, a host in small letters, a port, and no path")


def check_network(value: str) -> None:
    """Require an address or a network of addresses."""
    try:
        ipaddress.ip_network(value)
    except ValueError:
        raise ValueError("must be addresses or networks such as 10.0.0.5 or 172.18.0.0/16") from None


def without_password(text: str) -> str:
    """Return a text with the passwords of the addresses in it hidden."""
    return _PASSWORD.sub(r"\1:***", text)


def split_at_commas(text: str) -> tuple[str, ...]:
    """Return the entries of a list written with commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def check_key(value: str) -> None:
    """Require base64 of as many bytes as a key of AES-256 has."""
    try:
        size = len(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        raise ValueError("is not base64, make one with: openssl rand -base64 32") from None
    if size != _KEY_BYTES:
        raise ValueError(f"holds {size} bytes, not 32, make one with: openssl rand -base64 32")


def check_bucket(value: str) -> None:
    """Require what S3 and servers like it take for the name of a bucket."""
    if not _BUCKET.fullmatch(value):
        raise ValueError("must be 3 to 63 letters, digits, dots and hyphens")


def check_mail_address(value: str) -> None:
    """Require one e-mail address, bare or as `Name <address>`."""
    if not _MAIL_ADDRESS.fullmatch(value):
        raise ValueError("must be an e-mail address, or a name and an address in <>")


def _is_port(text: str) -> bool:
    return _PORT.fullmatch(text) is not None and 0 < int(text) <= _LARGEST_PORT
