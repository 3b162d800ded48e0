"""Whether a mail account can be read, check by check, with what to do where it cannot."""

from __future__ import annotations

from collections.abc import Iterator

from opsintel.connectors.contract import Check, Verdict
from opsintel.connectors.imap.mailboxes import list_mailboxes, missing, selected
from opsintel.connectors.imap.mails import Abilities
from opsintel.connectors.imap.manifest import ImapConfig
from opsintel.connectors.imap.session import Session
from opsintel.errors import CredentialError, InputError, RetriableError

AGAIN = "Try again in a few minutes; if it stays so, check host, port and the server"


def checks_of(session: Session, config: ImapConfig) -> list[Check]:
    """Return the checks of an account, as far as they can be made. The session is closed at the end."""
    with session:
        return list(_checks(session, config))


def _checks(session: Session, config: ImapConfig) -> Iterator[Check]:
    try:
        session.ask(lambda _: None, tries=1)
    except CredentialError as error:
        yield Check("server", Verdict.PASSED, True, f"{config.host} answers over TLS")
        yield Check("login", Verdict.FAILED, True, error.message, error.remedy)
        return
    except InputError as error:
        yield Check("server", Verdict.FAILED, True, error.message, error.remedy)
        return
    except RetriableError as error:
        yield Check("server", Verdict.UNKNOWN, True, error.message, AGAIN)
        return
    yield Check("server", Verdict.PASSED, True, f"{config.host} answers over TLS")
    yield Check("login", Verdict.PASSED, True, "The log-in is accepted")
    try:
        yield _mailboxes(session, config)
        yield _idle(session)
    except RetriableError as error:
        yield Check("mailboxes", Verdict.UNKNOWN, True, error.message, AGAIN)


def _mailboxes(session: Session, config: ImapConfig) -> Check:
    listed = list_mailboxes(session)
    absent = missing(listed, config)
    if absent:
        return Check(
            "mailboxes", Verdict.FAILED, True, f"The account has no mailbox {', '.join(absent)}",
            f"It has {', '.join(list(listed)[:20])}",
        )  # fmt: skip
    names = selected(listed, config, {}, is_gmail=Abilities.of(session).gmail)
    if not names:
        return Check("mailboxes", Verdict.FAILED, True, "No mailbox is read", "Name those that are to be read")
    return Check("mailboxes", Verdict.PASSED, True, f"Read are {', '.join(names[:20])}")


def _idle(session: Session) -> Check:
    if session.has("IDLE"):
        return Check("idle", Verdict.PASSED, False, "The server tells of new mail at once")
    return Check(
        "idle", Verdict.WARNING, False, "The server does not tell of new mail (IDLE)", "The source is read by the clock"
    )
