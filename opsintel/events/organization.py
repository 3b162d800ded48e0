"""Which organisation an address belongs to."""

from __future__ import annotations

from opsintel.events.message import Address, IdentityKind

FREE_MAIL = frozenset(
    {
        "gmail.com",
        "googlemail.com",
        "outlook.com",
        "hotmail.com",
        "live.com",
        "yahoo.com",
        "icloud.com",
        "me.com",
        "aol.com",
        "gmx.de",
        "gmx.net",
        "web.de",
        "t-online.de",
        "proton.me",
        "protonmail.com",
        "mail.com",
        "yandex.ru",
        "mail.ru",
        "qq.com",
        "163.com",
        "orange.fr",
        "free.fr",
    }
)
"""Domains of public mail services: an address there tells nothing of an organisation."""


def organization_domain(address: Address) -> str:
    """Return the domain that tells an organisation; "" for public mail services and for what is no mail address."""
    domain = address.value.rpartition("@")[2] if address.kind is IdentityKind.EMAIL else ""
    return "" if domain in FREE_MAIL else domain
