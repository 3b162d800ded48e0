"""The one family of errors: each has a code, a message for people and a remedy.

The names say what the caller does: a `FatalError` ends the command, a `RetriableError` may be tried again,
an `ItemError` concerns one message only and becomes a failure row while the others go on.
"""

from __future__ import annotations

import re

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def one_line(text: str) -> str:
    """Return the text as one line that a terminal and any store can take: what would steer them is written out."""
    return _UNPRINTABLE.sub(lambda found: ascii(found.group())[1:-1], " ".join(text.split()))


class OpsintelError(Exception):
    """Base of all errors raised on purpose. `str()` gives one line; the remedy is kept apart."""

    code = "error"

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def line(self) -> str:
        """Return the error as one line with its remedy, as the command line prints it."""
        parts = [part.strip().rstrip(".") for part in (self.message, self.remedy) if part.strip()]
        return ". ".join(one_line(part) for part in parts)


class FatalError(OpsintelError):
    """Nothing can go on until a person mends it."""

    code = "fatal"


class RetriableError(OpsintelError):
    """A passing fault: the same call may succeed later."""

    code = "retriable"


class ItemError(OpsintelError):
    """One item cannot be read or processed; it becomes a failure row, the others go on."""

    code = "item_failed"


class SettingError(FatalError):
    """A setting is missing or wrong."""

    code = "setting_invalid"


class InputError(FatalError):
    """What a person gave (a file, an argument, a request) cannot be used."""

    code = "input_invalid"


class AddressError(InputError):
    """An address that a person gave is not one to connect to: no public host, another scheme, port or spelling."""

    code = "address_refused"


class AnswerError(FatalError):
    """A server at an address that a person gave answers with what is not taken: too much, or badly encoded."""

    code = "answer_refused"


class DatabaseError(FatalError):
    """The database cannot be used as it is (version, roles, migrations, missing tenant)."""

    code = "database_unusable"


class TenantError(FatalError):
    """A transaction was asked for without a tenant, or for one that does not exist."""

    code = "tenant_unknown"


class SealError(FatalError):
    """A sealed value cannot be opened: wrong key, wrong place or tampered bytes."""

    code = "seal_broken"


class StorageError(RetriableError):
    """The disk or the object store refused a write or a read."""

    code = "storage_failed"


class UnavailableError(RetriableError):
    """A server we depend on (model hub, Sheets, broker) does not answer or refuses for now."""

    code = "unavailable"


class CredentialError(FatalError):
    """A credential is expired, revoked or insufficient."""

    code = "credential_invalid"


class NotFoundError(OpsintelError):
    """What was asked for does not exist, or not for this tenant."""

    code = "not_found"


class AccessError(OpsintelError):
    """Not logged in, or without the scope that this needs."""

    code = "access_denied"
