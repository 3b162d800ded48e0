"""How people get in: mail, registration, passwords, single sign-on."""

from __future__ import annotations

from pydantic import BaseModel

from opsintel.settings.declaration import (
    Domains,
    Issuer,
    MailAddress,
    MailServerUrl,
    OptionalSecret,
    OptionalText,
    setting,
)


class PeopleSettings(BaseModel):
    """How people get in: mail, registration, passwords, single sign-on."""

    smtp_url: MailServerUrl = setting(
        "OPSINTEL_SMTP_URL",
        default=None,
        meaning="Mail server for invitations and resets: smtp:// with STARTTLS, smtps:// with TLS from the start",
        example="smtp://user:secret@mail.example.com:587",
        absent="no mail is sent; the operator prints links with `opsintel account`",
    )
    mail_from: MailAddress = setting(
        "OPSINTEL_MAIL_FROM",
        default=None,
        meaning="Address that mail is from; needed with OPSINTEL_SMTP_URL",
        example="opsintel@example.com",
        absent="as above",
    )
    registration: str = setting(
        "OPSINTEL_REGISTRATION",
        default="closed",
        meaning="Whether strangers may make an account and a tenant of their own: closed or open",
        example="open",
        absent="`closed`: people join by invitation",
        pattern="^(closed|open)$",
    )
    oidc_issuer: Issuer = setting(
        "OPSINTEL_OIDC_ISSUER",
        default=None,
        meaning="Provider of single sign-on by OpenID Connect: its issuer, exactly as it writes it",
        example="https://accounts.google.com",
        absent="no single sign-on",
    )
    oidc_client_id: OptionalText = setting(
        "OPSINTEL_OIDC_CLIENT_ID",
        default=None,
        meaning="Client that this installation is registered as there",
        example="opsintel",
        absent="as above",
    )
    oidc_client_secret: OptionalSecret = setting(
        "OPSINTEL_OIDC_CLIENT_SECRET",
        default=None,
        meaning="Secret of that client",
        example="a secret",
        absent="as above",
    )
    oidc_email_domains: Domains = setting(
        "OPSINTEL_OIDC_EMAIL_DOMAINS",
        default=(),
        meaning="Domains whose people may sign on, with commas between; an account that exists is linked by its"
        " address only within them",
        example="example.com,example.org",
        absent="any domain, and no account that exists is linked by its address",
    )
    oidc_label: str = setting(
        "OPSINTEL_OIDC_LABEL",
        default="single sign-on",
        meaning="Name of the provider on the button that says: Log in with ...",
        example="Example Bank",
        absent="`single sign-on`",
        pattern="^[^\\x00-\\x1f\\x7f]{1,60}$",
    )
    passwords: str = setting(
        "OPSINTEL_PASSWORDS",
        default="on",
        meaning="Whether people may log in with a password: on or off; off needs single sign-on",
        example="off",
        absent="`on`",
        pattern="^(on|off)$",
    )
