"""Plain text in the forms that mailers send it: format=flowed (RFC 3676) and text/enriched (RFC 1896)."""

from __future__ import annotations

import re

_REWRITTEN_LIMIT = 1_000_000
"""Characters above which a text stays as it was sent."""
_QUOTE_MARKS = re.compile(r">*")
_TAG = re.compile(r"<<|</?[A-Za-z][^<>]{0,60}>")
_PARAMETER = re.compile(r"<param>[^<]{0,500}</param>", re.IGNORECASE)


def unflow(text: str, *, delete_space: bool = False) -> str:
    """Return flowed text with its soft line breaks joined, never across a change of the depth of quotes."""
    if len(text) > _REWRITTEN_LIMIT:
        return text
    result: list[str] = []
    paragraph: list[str] = []
    depth = 0
    for line in text.split("\n"):
        marks = _QUOTE_MARKS.match(line)
        marked = marks.end() if marks else 0
        content = line[marked:].removeprefix(" ")
        if paragraph and marked != depth:
            result.append("".join(paragraph))
            paragraph = []
        depth = marked
        soft = content.endswith(" ") and content != "-- "
        if not paragraph:
            paragraph.append(">" * marked + (" " if marked else ""))
        paragraph.append(content[:-1] if soft and delete_space else content)
        if not soft:
            result.append("".join(paragraph))
            paragraph = []
    if paragraph:
        result.append("".join(paragraph))
    return "\n".join(result)


def enriched_to_text(text: str) -> str:
    """Return enriched text without its commands; a single line break is a blank there, a double one a break."""
    if len(text) > _REWRITTEN_LIMIT:
        return text
    text = _PARAMETER.sub("", text)
    text = _TAG.sub(lambda found: "<" if found.group() == "<<" else "", text)
    return "\n".join(" ".join(paragraph.split("\n")) for paragraph in re.split(r"\n\n", text))
