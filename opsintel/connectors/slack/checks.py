"""The checks of a workspace: token, scopes, channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from opsintel.connectors.connection import Credential
from opsintel.connectors.contract import Check, Verdict
from opsintel.connectors.slack.client import SlackClient
from opsintel.connectors.slack.directory import Channels
from opsintel.connectors.slack.manifest import DIRECT_SCOPES, EMAIL_SCOPE, REQUIRED_SCOPES, SlackConfig
from opsintel.errors import FatalError, RetriableError

_ADD_SCOPES = "Add them to the app (OAuth & Permissions) and install it again"
_LATER = "Slack does not answer for now; check again later"


def checks_of(client: SlackClient, config: SlackConfig) -> Iterator[Check]:
    """Yield the checks; what cannot be asked for now is unknown, and then what needs it is not asked."""
    try:
        identity = client.identity()
    except FatalError as error:
        yield Check("token", Verdict.FAILED, True, error.message, error.remedy or "Authorise the source again")
        return
    except RetriableError as error:
        yield Check("token", Verdict.UNKNOWN, True, error.message, _LATER)
        return
    yield Check("token", Verdict.PASSED, True, f"Slack knows the token: {identity.who} of {identity.team}")
    wanted = {*REQUIRED_SCOPES, *(DIRECT_SCOPES if config.direct_messages else ())}
    yield _scopes(sorted(wanted - identity.scopes), is_told=bool(identity.scopes))
    yield _email(EMAIL_SCOPE in identity.scopes, is_told=bool(identity.scopes))
    yield _asked("workspace", lambda: _workspace(client))
    yield _asked("channels", lambda: _channels(client, config))
    yield _pushes(client.connection.credential())


def _scopes(missing: list[str], *, is_told: bool) -> Check:
    if not is_told:
        return Check("scopes", Verdict.UNKNOWN, True, "Slack does not say what the token may", _LATER)
    if missing:
        return Check("scopes", Verdict.FAILED, True, f"The token lacks {', '.join(missing)}", _ADD_SCOPES)
    return Check("scopes", Verdict.PASSED, True, "The token has the scopes that reading needs")


def _email(is_granted: bool, *, is_told: bool) -> Check:
    if is_granted:
        return Check("addresses", Verdict.PASSED, False, "People are known by their mail addresses")
    detail = f"Without {EMAIL_SCOPE} a person of Slack is not known to be one who writes mail"
    return Check("addresses", Verdict.WARNING if is_told else Verdict.UNKNOWN, False, detail, _ADD_SCOPES)


def _asked(name: str, ask: Callable[[], Check]) -> Check:
    """Return what a check finds; one that gets no answer now is unknown."""
    try:
        return ask()
    except FatalError as error:
        return Check(name, Verdict.FAILED, False, error.message, error.remedy or _LATER)
    except RetriableError as error:
        return Check(name, Verdict.UNKNOWN, False, error.message, _LATER)


def _workspace(client: SlackClient) -> Check:
    team = client.team()
    return Check("workspace", Verdict.PASSED, False, f"The workspace is {team.get('name') or client.identity().team}")


def _channels(client: SlackClient, config: SlackConfig) -> Check:
    channels = Channels(client, config, None)
    unread, count = channels.unread(), sum(1 for _ in channels.read())
    if unread:
        detail = f"The app is no member of {', '.join(unread)} (not_in_channel)"
        return Check("channels", Verdict.WARNING, False, detail, "Invite it: /invite @app in each channel")
    if not count:
        detail = "The app is a member of no channel, so there is nothing to read"
        return Check("channels", Verdict.WARNING, False, detail, "Invite it: /invite @app in each channel to read")
    return Check("channels", Verdict.PASSED, False, f"{count:,} channels are read")


def _pushes(credential: Credential) -> Check:
    if credential.get("signing_secret") or credential.get("app_token"):
        return Check("pushes", Verdict.PASSED, False, "Slack can tell of changes at once")
    detail = "Without pushes late replies come with the next rescan, and later edits of replies not at all"
    remedy = "Add the signing secret (Events API) or an app-level token (Socket Mode)"
    return Check("pushes", Verdict.WARNING, False, detail, remedy)
