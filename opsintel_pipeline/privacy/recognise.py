"""All personal data of a text: the recognisers in their order, and what the one takes is no other's."""

from __future__ import annotations

from opsintel_pipeline.privacy.addresses import emails, ip_addresses
from opsintel_pipeline.privacy.found import Found
from opsintel_pipeline.privacy.keys import keys
from opsintel_pipeline.privacy.numbers import cards, ibans, national_ids
from opsintel_pipeline.privacy.phones import phones

_RECOGNISERS = (keys, emails, ibans, ip_addresses, cards, national_ids, phones)
"""In order of how much a form tells: a card's number is no telephone number."""


def recognise(text: str) -> list[Found]:
    """Return the personal data of a text in order of place; places do not overlap."""
    taken = bytearray(len(text))
    found: list[Found] = []
    for recogniser in _RECOGNISERS:
        for place in recogniser(text):
            if not taken.find(1, place.start, place.end) >= 0:
                taken[place.start : place.end] = b"\x01" * (place.end - place.start)
                found.append(place)
    return sorted(found, key=lambda place: place.start)
