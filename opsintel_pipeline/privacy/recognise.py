"""All personal data of a text: the recognisers in their order, and what the one takes is no other's."""

from __future__ import annotations

from opsintel_pipeline.privacy.addresses import emails, ip_addresses
from opsintel_pipeline.privacy.folded import fold
from opsintel_pipeline.privacy.found import Found
from opsintel_pipeline.privacy.keys import keys
from opsintel_pipeline.privacy.numbers import cards, ibans, national_ids
from opsintel_pipeline.privacy.phones import phones

_RECOGNISERS = (keys, emails, ibans, ip_addresses, cards, national_ids, phones)
"""In order of how much a form tells: a card's number is no telephone number."""

_TAKEN = "\ufffc"
"""Stands in the text for what one recogniser took, so that the next reads to its edge and no further."""


def recognise(text: str) -> list[Found]:
    """Return the personal data of a text in order of place; places do not overlap."""
    folded = fold(text)
    rest = folded.text
    found: list[Found] = []
    for recogniser in _RECOGNISERS:
        for place in recogniser(rest):
            if _TAKEN not in rest[place.start : place.end]:
                rest = rest[: place.start] + _TAKEN * (place.end - place.start) + rest[place.end :]
                found.append(place)
    written = (Found(place.kind, *folded.span(place.start, place.end)) for place in found)
    return sorted(written, key=lambda place: place.start)
