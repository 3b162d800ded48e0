"""Check 66: no comparison tells by its time how much of a secret somebody has guessed."""

from __future__ import annotations

import ast
import hmac
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import opsintel
import opsintel_api
import opsintel_pipeline
from opsintel.access import opaque, passwords
from opsintel.access.tokens import AccessToken, InvalidToken, issue, verify
from opsintel.crypto.envelope import SealContext, open_sealed, seal
from opsintel.errors import SealError
from opsintel.ids import new_id
from opsintel_api.auth import keys
from opsintel_api.cursors import decode_cursor, encode_cursor
from opsintel_api.problems import RequestProblem

PACKAGES = [Path(next(iter(package.__path__))) for package in (opsintel, opsintel_api, opsintel_pipeline)]
SECRETS = frozenset(
    ["token", "tokens", "secret", "secrets", "digest", "mac", "hash", "hashes", "signature", "password", "commitment"]
)
PUBLIC = {
    "auth/source_consent.py": "addresses of token endpoints",
    "access/opaque.py": "a CRC-32 of what is shown beside it",
    "access/audit_anchors.py": "hashes of anchors, which lie open beside each other",
    "access/audit_chain.py": "hashes of entries, which anybody who reads the log computes",
    "analyze/batches.py": "hashes of messages, which are in the row beside them",
    "analyze/sharing.py": "hashes of messages, which are in the row beside them",
    "act/sheets/plan.py": "hashes of rows that are in the sheet",
    "backup/manifest.py": "checksums of files of a back-up",
    "backup/receipt.py": "checksums of files of a back-up",
    "connectors/files/growing.py": "hashes of a file by whom it belongs to",
    "connectors/imap/reading.py": "hashes of labels and filters, which lie in the cursor",
    "connectors/imap/state.py": "hashes of labels, which lie in the cursor",
    "person_export/archive.py": "hashes of contents that are in the file already",
    "queue/rabbitmq.py": "numbers of deliveries and connections",
    "settings/keys.py": "two secrets of one operator, once at the start",
    "people/redact.py": "Python's own hashes of words, which leave no process",
    "normalize/store.py": "hashes of messages that the reader has",
    "sources/credentials.py": "ids of the rows that hold secrets",
    "simulation/queues.py": "numbers of deliveries of a simulated broker",
    "people/suppression.py": "a set of keyed hashes, looked up by what the message holds",
}
"""Files that compare hashes of what is no secret, and of what."""


def altered(text: str, place: int) -> str:
    """Return a text with another letter at a place."""
    place %= len(text)
    return text[:place] + ("B" if text[place] == "A" else "A") + text[place + 1 :]


def names_in(node: ast.expr) -> set[str]:
    """Return the words in the names that an expression uses."""
    found = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and not inner.id.isupper()}
    found |= {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)}
    return {word for name in found for word in re.split(r"_+|(?=[A-Z])", name.lower())}


def comparisons(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each `==`, `!=`, `in` and `not in` of something that is named like a secret.

    Not of what is written out beside it, nor of lengths: those are no secrets.
    """
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Compare):
            continue
        if not any(isinstance(operator, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for operator in node.ops):
            continue
        sides = [node.left, *node.comparators]
        if any(isinstance(side, ast.Constant) or _is_length(side) or _is_constant_name(side) for side in sides):
            continue
        if SECRETS & set().union(*(names_in(side) for side in sides)):
            yield node.lineno, ast.unparse(node)


def _is_length(side: ast.expr) -> bool:
    return isinstance(side, ast.Call) and isinstance(side.func, ast.Name) and side.func.id == "len"


def _is_constant_name(side: ast.expr) -> bool:
    return isinstance(side, ast.Name) and side.id.isupper()


def compared_in(package: Path) -> dict[str, list[tuple[int, str]]]:
    found = {}
    for path in sorted(package.rglob("*.py")):
        if lines := list(comparisons(path.read_text())):
            found[path.relative_to(package).as_posix()] = lines
    return found


class TestSource:
    @pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
    def test_check_66_secrets_are_compared_by_compare_digest_only(self, package: Path):
        assert {file: lines for file, lines in compared_in(package).items() if file not in PUBLIC} == {}

    def test_check_66_each_exception_is_there_still(self):
        assert set().union(*(compared_in(package) for package in PACKAGES)) >= set(PUBLIC)

    @pytest.mark.parametrize(
        "line",
        ["token == given", "row.token_hash != digest", "if mac in known: pass", "signature == sign(body)",
         "self._password == password", "x.commitment != y", "a == b == secret", "[t for t in s if t == api_token]",
         "token[:4] == other[:4]", "hash(x) == hash(y)"],
    )  # fmt: skip
    def test_check_66_a_comparison_would_be_found(self, line: str):
        assert list(comparisons(line))

    @pytest.mark.parametrize(
        "line", ["hmac.compare_digest(token, given)", "token is None", "len(secret) == 32", "stored != NO_PASSWORD"]
    )
    def test_check_66_what_tells_nothing_is_passed_over(self, line: str):
        assert not list(comparisons(line))


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    """What was compared in constant time."""
    pairs: list[tuple[Any, Any]] = []
    real = hmac.compare_digest

    def spy(one: Any, other: Any) -> bool:
        pairs.append((one, other))
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", spy)
    return pairs


class TestBehaviour:
    """A wrong secret is compared whole with the right one; how much of it was right changes nothing."""

    key = bytes(range(32))

    def wrong_in(self, right: bytes) -> list[bytes]:
        return [bytes([right[0] ^ 1]) + right[1:], right[:-1] + bytes([right[-1] ^ 1]), bytes(len(right))]

    def test_check_66_signatures_of_tokens(self, compared: list[tuple[Any, Any]]):
        token = issue(AccessToken(new_id(), new_id(), new_id()), self.key)
        content, _, signature = token.rpartition(".")
        for changed in (altered(signature, 0), altered(signature, -4), "A" * len(signature)):
            compared.clear()
            with pytest.raises(InvalidToken):
                verify(f"{content}.{changed}", self.key)
            assert [len(one) for one in compared[0]] == [32, 32]

    def test_check_66_tags_of_cursors(self, compared: list[tuple[Any, Any]]):
        cursor = encode_cursor(["x"], "a question", self.key)
        assert decode_cursor(cursor, "a question", self.key) == ["x"]
        for changed in (altered(cursor, 0), altered(cursor, 3), altered(cursor, -4)):
            compared.clear()
            with pytest.raises(RequestProblem):
                decode_cursor(changed, "a question", self.key)
            assert [len(one) for one in compared[0]] == [16, 16]

    def test_check_66_hashes_of_service_keys(self, compared: list[tuple[Any, Any]]):
        right = opaque.digest(opaque.new_token(opaque.SERVICE_KEY))
        assert keys._is_value_of((0, 0, right, None), right)
        for changed in self.wrong_in(right):
            compared.clear()
            assert not keys._is_value_of((0, 0, right, right), changed)
            assert compared == [(right, changed), (right, changed)]

    def test_check_66_commitments_of_sealed_values(self, compared: list[tuple[Any, Any]]):
        context = SealContext("test", UUID(int=1), "secret", UUID(int=2), 1)
        sealed = seal(self.key, UUID(int=3), b"secret", context)
        for other in self.wrong_in(self.key):
            compared.clear()
            with pytest.raises(SealError):
                open_sealed(other, sealed, context)
            assert [len(one) for one in compared[0]] == [32, 32]

    def test_check_66_passwords_are_compared_by_argon2(self, monkeypatch: pytest.MonkeyPatch):
        asked = []

        class Hasher:
            def verify(self, stored: str, password: bytes) -> bool:
                asked.append((stored, password))
                return False

        monkeypatch.setattr(passwords, "_hasher", Hasher())
        assert not passwords.verify_password("$argon2id$right", "wrong")
        assert asked == [("$argon2id$right", b"wrong")]
