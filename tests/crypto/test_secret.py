"""A Secret shows itself to nobody: forty ways to look at it without asking for it by name."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import marshal
import pickle
import pprint
import reprlib
import string
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter

from opsintel.crypto.secrets import Secret

CANARY = b"canary-7f3a"


@dataclasses.dataclass
class Holder:
    secret: Secret
    name: str = "holder"


class Model(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    secret: Secret


def logged(message: str, *arguments: object) -> str:
    record = logging.LogRecord("test", logging.INFO, "file", 1, message, arguments, None)
    return logging.Formatter().format(record)


def trace_of(secret: Secret) -> str:
    def fails(held: Secret, copied: list[Secret]) -> None:
        raise ValueError(f"failed with {held} and {copied}")

    try:
        fails(secret, [secret])
    except ValueError as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    return ""


WAYS: dict[str, Callable[[Secret], object]] = {
    "str": str,
    "repr": repr,
    "ascii": ascii,
    "bytes": lambda s: bytes(s),  # type: ignore[call-overload]
    "bytearray": lambda s: bytearray(s),  # type: ignore[call-overload]
    "memoryview": lambda s: memoryview(s),  # type: ignore[arg-type]
    "format": format,
    "format with specification": lambda s: format(s, ">40"),
    "f-string": lambda s: f"{s}",
    "f-string repr": lambda s: f"{s!r}",
    "f-string debug": lambda s: f"{s=}",
    "f-string ascii": lambda s: f"{s!a:>50}",
    "str.format": lambda s: "{} {!r} {:>20}".format(s, s, s),  # noqa: UP032
    "str.format attribute": lambda s: "{0.__class__} {0.__slots__}".format(s),  # noqa: UP032
    "percent s": lambda s: "%s" % s,  # noqa: UP031
    "percent r": lambda s: "%r" % (s,),  # noqa: UP031
    "bytes percent": lambda s: b"%b" % s,  # type: ignore[operator]
    "template": lambda s: string.Template("$a").substitute(a=s),
    "logging": lambda s: logged("value %s", s),
    "logging in a dict": lambda s: logged("value %(a)s", {"a": s}),
    "traceback with locals": trace_of,
    "list": lambda s: repr([s, (s,), {"a": s}]),
    "pprint": pprint.pformat,
    "reprlib": reprlib.repr,
    "dataclass": lambda s: repr(Holder(s)),
    "asdict": lambda s: dataclasses.asdict(Holder(s)),
    "astuple": lambda s: dataclasses.astuple(Holder(s)),
    "vars": lambda s: vars(s),
    "dict": lambda s: s.__dict__,
    "dir": lambda s: dir(s),
    "len": lambda s: len(s),  # type: ignore[arg-type]
    "iteration": lambda s: list(s),  # type: ignore[call-overload]
    "index": lambda s: s[0],  # type: ignore[index]
    "containment": lambda s: CANARY in s,  # type: ignore[operator]
    "int": lambda s: int(s),  # type: ignore[call-overload]
    "hash": hash,
    "equality": lambda s: s == s,  # noqa: PLR0124
    "inequality": lambda s: s != Secret(b"x"),
    "order": lambda s: s < s,  # type: ignore[operator]  # noqa: PLR0124
    "json": json.dumps,
    "json default": lambda s: json.dumps({"a": s}, default=str),
    "json default vars": lambda s: json.dumps(s, default=vars),
    "marshal": lambda s: marshal.dumps(s),  # type: ignore[arg-type]
    **{f"pickle {protocol}": lambda s, p=protocol: pickle.dumps(s, p) for protocol in range(6)},
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "reduce": lambda s: s.__reduce_ex__(4),
    "getstate": lambda s: s.__getstate__(),
    "pydantic repr": lambda s: repr(Model(secret=s)),
    "pydantic dump": lambda s: repr(Model(secret=s).model_dump()),
    "pydantic json": lambda s: Model(secret=s).model_dump_json(),
    "pydantic adapter": lambda s: TypeAdapter(Any).dump_json({"a": s}),
    "exception": lambda s: repr(ValueError(s)),
    "union of texts": lambda s: ",".join(map(str, [s])),
}


def shown(value: object) -> str:
    return f"{value!r} {value}"


class TestSecret:
    @pytest.mark.parametrize("way", WAYS)
    def test_shows_itself_to_nobody(self, way: str) -> None:
        secret = Secret(CANARY)
        try:
            found = WAYS[way](secret)
        except Exception as error:  # noqa: BLE001  whatever it raises must not show it either
            found = error
        text = shown(found)
        assert CANARY.decode() not in text
        assert CANARY.hex() not in text
        assert "99, 97, 110" not in text

    def test_is_given_to_who_asks_by_name(self) -> None:
        assert Secret(CANARY).reveal() == CANARY

    @pytest.mark.parametrize("way", ["pickle 5", "copy", "deepcopy", "hash", "equality", "json", "pydantic json"])
    def test_refuses_what_would_carry_it_elsewhere(self, way: str) -> None:
        with pytest.raises((TypeError, ValueError)):
            WAYS[way](Secret(CANARY))
