"""Signatures of Standard Webhooks: what is signed, for how long, and what proves nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from opsintel.connectors.ingest.signature import TOLERANCE_SECONDS, signature_of, verify
from opsintel.errors import SignatureError

SECRET = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"id": 1}'
AT = 1_800_000_000


def headers(**other: str) -> dict[str, str]:
    """Return the headers of a good request, some of them other than what was signed."""
    good = {"webhook-id": "d1", "webhook-timestamp": str(AT)}
    signature = f"v1,bm8= {signature_of('d1', str(AT), BODY, SECRET)} v2,x"
    return good | {"webhook-signature": signature} | {name.replace("_", "-"): value for name, value in other.items()}


def verified(given: dict[str, str], body: bytes = BODY, secret: bytes = SECRET, seconds: int = 0) -> str:
    return verify(given, body, secret, datetime.fromtimestamp(AT + seconds, UTC))


class TestVerify:
    def test_takes_what_was_signed_beside_other_signatures(self) -> None:
        assert verified(headers()) == "d1"

    @pytest.mark.parametrize("seconds", [TOLERANCE_SECONDS, -TOLERANCE_SECONDS])
    def test_allows_five_minutes_both_ways_and_no_more(self, seconds: int) -> None:
        assert verified(headers(), seconds=seconds) == "d1"
        with pytest.raises(SignatureError, match="five minutes"):
            verified(headers(), seconds=seconds + (1 if seconds > 0 else -1))

    @pytest.mark.parametrize(
        "other",
        [{"webhook_id": "d2"}, {"webhook_timestamp": str(AT + 1)}, {"webhook_signature": ""},
         {"webhook_signature": "v1,"}, {"webhook_signature": "v1,é"}],
        ids=ascii,
    )  # fmt: skip
    def test_refuses_headers_that_were_not_signed(self, other: dict[str, str]) -> None:
        with pytest.raises(SignatureError, match="not of this body"):
            verified(headers(**other))

    def test_refuses_another_body_or_secret(self) -> None:
        for body, secret in ((BODY + b" ", SECRET), (BODY, b"whsec_" + b"AAAA" * 8)):
            with pytest.raises(SignatureError, match="not of this body"):
                verified(headers(), body, secret)

    @pytest.mark.parametrize("value", ["", "a b", "\u00e9", "x" * 257, "d1\n"], ids=lambda value: ascii(value)[:9])
    def test_refuses_an_id_of_another_form(self, value: str) -> None:
        with pytest.raises(SignatureError, match="another form"):
            verified(headers(webhook_id=value))

    @pytest.mark.parametrize(
        "value", ["", "now", "-1", "1.5", "\u0663", "1" * 5_000], ids=lambda value: ascii(value)[:9]
    )
    def test_refuses_a_time_of_another_form(self, value: str) -> None:
        with pytest.raises(SignatureError, match="another form"):
            verified(headers(webhook_timestamp=value))

    @pytest.mark.parametrize("secret", [b"whsec_!", b"\xff", b"whsec_A"])
    def test_refuses_a_secret_that_is_none(self, secret: bytes) -> None:
        with pytest.raises(SignatureError, match="another form"):
            verified(headers(), secret=secret)
