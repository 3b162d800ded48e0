"""The letters: plain text, one link each. What strangers wrote never reaches an address that did not ask for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import Literal

from opsintel.errors import InputError

Template = Literal[
    "invitation", "reset", "registration", "registered_already", "password_changed", "identity_linked", "alerts"
]  # fmt: skip

LONGEST_NAME = 80
_NOT_IN_NAMES = re.compile(r"[^\w '&,()-]+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to one address."""

    to: str
    subject: str
    text: str

    def __post_init__(self) -> None:
        """Refuse an address or subject that could add a header (CWE-93)."""
        if _CONTROLS.search(self.to + self.subject):
            raise InputError("An address or subject of a mail holds a control character")


def letter(template: Template, to: str, *, link: str = "", organization: str = "", lines: str = "") -> Letter:
    """Return a letter of `templates/`: its first line is the subject. `lines` are of the product's own words."""
    text = resources.files("opsintel.mail").joinpath("templates", f"{template}.txt").read_text()
    subject, _, body = text.partition("\n")
    values = {"link": link, "organization": plain_name(organization), "lines": lines}
    return Letter(to, subject.format(**values), body.strip("\n").format(**values) + "\n")


def plain_name(name: str, otherwise: str = "an organisation") -> str:
    """Return a name as letters show it: nothing in it is a link to a mail reader, an address or a new line."""
    return " ".join(_NOT_IN_NAMES.sub(" ", name).replace("_", " ").split())[:LONGEST_NAME] or otherwise
