"""Personal data in answers, masked for people who may not read it: addresses, phone and account numbers, by their form.

Deny by default: every text of an answer's model is masked unless the model declares it `Shown`. Each character is
replaced by one other, so that the places of evidence stay right.
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel

MASK = "•"

_FORMS = re.compile(
    r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+"  # e-mail addresses
    r"|\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b"  # IBAN
    r"|(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])"  # IPv4
    r"|(?<!\w)\+?\(?\d(?:[ ().\-/]{0,3}\d){6,18}(?!\w)"  # phone and card numbers
)

_SHOWN: Final = object()
_PERSON: Final = object()
_HARMLESS: Final = (UUID, datetime, date, int, float, bool, type(None))

Shown = Annotated[str, _SHOWN]
"""A text that is of the product or of its configuration, never of a message: kinds, versions, cursors."""

Person = Annotated[str, _PERSON]
"""A person's name or address: cut to its initial."""

ShownTree = Annotated[dict[str, Any], _SHOWN]
"""A JSON object of the same kind: the tree of a filter, as whoever wrote it reads it again."""

Masker = Callable[[Any], Any]


def masked_text(text: str) -> str:
    """Return a text of the same length without e-mail addresses, phone, account and IP numbers."""
    return _FORMS.sub(lambda match: MASK * len(match[0]), text)


def masked_json(body: str | bytes, model: Any) -> bytes:
    """Return an answer of a model with the personal data in its texts masked, and people's names cut to an initial."""
    masked = masker_of(model)(json.loads(body))
    return json.dumps(masked, ensure_ascii=False, separators=(",", ":")).encode()


@cache
def masker_of(kind: Any) -> Masker:
    """Return what masks the JSON of a type; of one that tells nothing, every text."""
    if kind in _HARMLESS or get_origin(kind) is Literal:
        return _unchanged
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _masker_of_model(kind)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _masker_of_text(inner[1:]) or masker_of(inner[0])
    if origin is list and inner:
        return _each(masker_of(inner[0]))
    if origin is dict and len(inner) == 2:
        return _each_value(masker_of(inner[1]))
    if origin in (Union, types.UnionType):
        rest = [part for part in inner if part is not type(None)]
        if len(rest) > 1 and all(isinstance(part, type) and issubclass(part, BaseModel) for part in rest):
            return _unless_null(_masker_of_models(rest))
        return _unless_null(masker_of(rest[0])) if len(rest) == 1 else _everything
    return _everything


def _masker_of_text(marks: tuple[Any, ...]) -> Masker | None:
    if any(mark is _SHOWN for mark in marks):
        return _unchanged
    return _initial if any(mark is _PERSON for mark in marks) else None


def _masker_of_model(model: type[BaseModel]) -> Masker:
    # When it is first needed: models may hold themselves.
    found: dict[str, Masker] = {}

    def mask(value: Any) -> Any:
        if not isinstance(value, dict):
            return _everything(value)
        if not found:
            for name, field in model.model_fields.items():
                found[field.alias or name] = _masker_of_text(tuple(field.metadata)) or masker_of(
                    cast(Any, field.annotation)
                )
        return {name: found.get(name, _everything)(part) for name, part in value.items()}

    return mask


def _masker_of_models(models: list[type[BaseModel]]) -> Masker:
    """Return what masks an answer that is of one of several models: the first that has all its fields."""
    names = [(model, {field.alias or name for name, field in model.model_fields.items()}) for model in models]

    def mask(value: Any) -> Any:
        fitting = (model for model, known in names if isinstance(value, dict) and set(value) <= known)
        model = next(fitting, None)
        return masker_of(model)(value) if model else _everything(value)

    return mask


def _each(masker: Masker) -> Masker:
    return lambda value: [masker(part) for part in value] if isinstance(value, list) else _everything(value)


def _each_value(masker: Masker) -> Masker:
    def mask(value: Any) -> Any:
        if not isinstance(value, dict):
            return _everything(value)
        return {masked_text(name): masker(part) for name, part in value.items()}

    return mask


def _unless_null(masker: Masker) -> Masker:
    return lambda value: None if value is None else masker(value)


def _unchanged(value: Any) -> Any:
    return value


def _initial(value: Any) -> Any:
    if not isinstance(value, str):
        return _everything(value)
    return value[:1] + MASK * 3 if value else value


def _everything(value: Any) -> Any:
    if isinstance(value, str):
        return masked_text(value)
    if isinstance(value, list):
        return [_everything(part) for part in value]
    if isinstance(value, dict):
        return {masked_text(name): _everything(part) for name, part in value.items()}
    return value
