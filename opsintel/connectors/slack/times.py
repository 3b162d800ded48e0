"""Slack's `ts`: a text of seconds and six decimals that is a message's id in its channel. It is never a float."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TypeGuard

_TS = re.compile(r"\d{1,12}\.\d{1,9}\Z")
_DECIMALS = 9


def is_ts(value: object) -> TypeGuard[str]:
    """Tell whether a value is a `ts`."""
    return isinstance(value, str) and _TS.match(value) is not None


def order(ts: str) -> tuple[int, str]:
    """Return what texts of a `ts` are compared by, since they are not all of one length; '' comes first."""
    seconds, _, decimals = ts.partition(".")
    return int(seconds or -1), decimals.ljust(_DECIMALS, "0")


def at_seconds(seconds: float) -> str:
    """Return the `ts` of a whole second since 1970; a part of a second is cut off."""
    return f"{max(0, int(seconds))}.000000"


def at_moment(moment: datetime) -> str:
    """Return the `ts` of a moment."""
    return f"{max(0, int(moment.timestamp()))}.{moment.microsecond:06}"


def seconds_of(ts: str) -> int:
    """Return the whole seconds of a `ts`."""
    return order(ts)[0]


def just_after(ts: str) -> str:
    """Return the next `ts` that Slack could give."""
    seconds, decimals = order(ts)
    micros = int(decimals[:6]) + 1
    return f"{seconds + micros // 1_000_000}.{micros % 1_000_000:06}"


def just_before(ts: str) -> str:
    """Return the last `ts` that Slack could give before this one."""
    seconds, decimals = order(ts)
    micros = int(decimals[:6]) - 1
    return f"{seconds - 1}.999999" if micros < 0 else f"{seconds}.{micros:06}"


def latest(*values: str) -> str:
    """Return the last of several; '' where there is none."""
    return max(values, key=order, default="")
