"""The one family of errors: each has a code, a message for people and a remedy.

The names say what the caller does: a `FatalError` ends the command, a `RetriableError` may be tried again,
an `ItemError` concerns one message only and becomes a failure row while the others go on.
"""

from __future__ import annotations

import re

STEERING = (
    "\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
)
"""Beyond the controls of ASCII, what ends a line, turns its direction, or is there and not seen (Unicode TR 36)."""
_UNPRINTABLE = re.compile(f"[\x00-\x1f{STEERING}]")


_SHOWN_BEFORE, _SHOWN_AFTER = 60, 20
"""Characters of a text that are shown on either side of an error's place."""


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


class FilterError(InputError):
    """A filter that cannot be used, with the place: a character of its text, or a path in its tree."""

    code = "filter_invalid"

    def __init__(
        self, message: str, *, remedy: str = "", position: int | None = None, text: str = "", path: str = ""
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.position = position
        self.text = text
        self.path = path

    def within(self, text: str, offset: int = 0) -> FilterError:
        """Return the same error about a longer text, of which the part it was about begins at `offset`."""
        position = offset + (self.position or 0)
        return FilterError(self.message, remedy=self.remedy, position=position, text=text)

    def line(self) -> str:
        """Return the error as one line that names the place; characters are counted from 1."""
        at = self.path or ("" if self.position is None else f"character {self.position + 1}")
        return f"{super().line()} ({at})" if at else super().line()

    def caret(self) -> str:
        """Return two lines: the text around the place, and a caret below the character; '' without a place."""
        if self.position is None or not self.text:
            return ""
        start = max(0, self.position - _SHOWN_BEFORE)
        shown = self.text[start : self.position + _SHOWN_AFTER]
        return f"{_UNPRINTABLE.sub(' ', shown)}\n{' ' * (self.position - start)}^"


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


class MaskingError(FatalError):
    """Personal data in a text cannot be found and replaced: the text goes to no model."""

    code = "masking_failed"


class StorageError(RetriableError):
    """The disk or the object store refused a write or a read."""

    code = "storage_failed"


class UnavailableError(RetriableError):
    """A server we depend on (model hub, Sheets, broker) does not answer or refuses for now."""

    code = "unavailable"


class RefusedError(RetriableError):
    """A server says no to one request; `reason` is the code it gives, '' for none."""

    code = "refused"

    def __init__(self, message: str, *, remedy: str = "", reason: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.reason = reason


class BusyError(UnavailableError):
    """A server takes no more requests for now, by its limits; `seconds` says for how long."""

    code = "busy"

    def __init__(self, message: str, *, seconds: float, remedy: str = "It is tried again later") -> None:
        super().__init__(message, remedy=remedy)
        self.seconds = seconds


class CredentialError(FatalError):
    """A credential is expired, revoked or insufficient."""

    code = "credential_invalid"


class SignatureError(OpsintelError):
    """A push that its provider did not sign, signed otherwise, or signed too long ago."""

    code = "signature_invalid"


class NotFoundError(OpsintelError):
    """What was asked for does not exist, or not for this tenant."""

    code = "not_found"


class ConflictError(OpsintelError):
    """What was asked for does not go together with what is there."""

    code = "conflict"


class AccessError(OpsintelError):
    """Not logged in, or without the scope that this needs."""

    code = "access_denied"
