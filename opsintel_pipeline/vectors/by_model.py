"""Ask the tenant's models for the vectors of its messages: masked, many in a call, within the ceilings, paid once.

What the models of a chain give is never mixed. A model that cannot (its key is refused, it is gone) leaves the work to
the next, which makes all vectors; for one that only cannot now, the work waits. No transaction is open meanwhile.
"""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import psycopg
from numpy.typing import NDArray

from opsintel.context import Context
from opsintel.embeddings.embedder import normalized
from opsintel.errors import MaskingError
from opsintel.llm.ask import NoAnswer
from opsintel.llm.budget import Work, common
from opsintel.llm.chain import Link
from opsintel.llm.keys import model_servers
from opsintel.llm.vectors import TEXTS_A_CALL, vectors_by, version_of
from opsintel_pipeline.privacy import Placeholders, mask
from opsintel_pipeline.vectors import kept
from opsintel_pipeline.vectors.background import BACKGROUND
from opsintel_pipeline.vectors.words import EMBED_CHARACTERS, headed

LONGEST_VALUE = 4_000
"""Characters of personal data in one piece: a private key."""

AT_ONCE = 4
PAGE = 2_000
"""Messages that are read at once."""

RUN_SECONDS = 45.0
"""How long a run begins new calls."""

SOON = timedelta(seconds=5)
"""When the next run goes on with what is left."""

LATER = timedelta(hours=1)
"""When a model is asked again that could not for a reason which does not pass by itself."""

_LASTS = frozenset({"revoked", "quota", "model_missing", "way", "invalid"})
"""Reasons for which the next model of the chain is asked."""

_OF_THE_TEXT = frozenset({"length", "refused"})

_MISSING = f"""
    SELECT message.id, message.content_hash, subject, text,
           (SELECT min(source_id::text)::uuid FROM message_occurrence AS place
            WHERE place.message_id = message.id AND place.deleted_at IS NULL),
           (SELECT job_id FROM work WHERE work.partition_day = message.partition_day AND job_id IS NOT NULL
              AND work.state IN ('pending', 'batched') ORDER BY work.id DESC LIMIT 1)
    {kept.WITHOUT} ORDER BY message.id LIMIT %(page)s
"""
"""In the order of their ids: what comes meanwhile comes last, and a run that was killed asks for the same again."""

_INSERT = """
    INSERT INTO embedding (tenant_id, message_id, model_version, vector, text_hash)
    SELECT tenant_id, id, %(version)s, %(vector)s, %(hash)s FROM message
    WHERE id = %(id)s AND content_hash = %(content)s AND deleted_at IS NULL ON CONFLICT DO NOTHING
"""


@dataclass
class _Text:
    """A text without personal data, and the messages that say it: their ids and what they said when it was read."""

    hash: bytes
    text: str
    source_id: UUID | None
    job_id: UUID | None
    messages: list[tuple[UUID, bytes]] = field(default_factory=list)


def fill(context: Context, tenant_id: UUID) -> None:
    """Have the tenant's models make the vectors that are missing, as far as they can now."""
    with context.database.tenant_tx(tenant_id) as connection:
        kept.forget_others(connection)
        chain = kept.usable_chain(connection, model_servers(context.settings))
    for link in chain:
        reason = _Filling(context, tenant_id, link).run()
        if reason not in _LASTS:
            return


class _Filling:
    """Makes the vectors of one model."""

    def __init__(self, context: Context, tenant_id: UUID, link: Link) -> None:
        self._context = context
        self._tenant_id = tenant_id
        self._link = link
        self._version = version_of(link)
        self._mean: NDArray[np.float32] = np.zeros(0, np.float32)
        self._ended: NoAnswer | None = None

    def run(self) -> str:
        """Make what is missing; returns why not all of it could be, "" where it was."""
        end = time.monotonic() + RUN_SECONDS
        try:
            self._mean = self._known_mean()
            while (calls := self._missing()) is not None:
                if time.monotonic() > end:
                    raise NoAnswer("time", "They are being made", until=datetime.now(UTC) + SOON)
                with ThreadPoolExecutor(AT_ONCE, "embedding") as threads:
                    for _ in threads.map(self._call, calls):
                        pass
                if self._ended is not None:
                    raise self._ended
        except NoAnswer as error:
            return self._noted(error.reason, f"{self._link.model}: {error.message}", error.until)
        return self._noted("", "", None)

    def _noted(self, reason: str, words: str, until: datetime | None) -> str:
        again = until if until or not reason else datetime.now(UTC) + LATER
        with self._context.database.tenant_tx(self._tenant_id) as connection:
            kept.note_wait(connection, self._version, words, again)
        return reason

    def _known_mean(self) -> NDArray[np.float32]:
        """Return what is taken out of each vector; the first call of a model is for it, and holds no tenant's text."""
        with self._context.database.tenant_tx(self._tenant_id) as connection:
            kept.begin(connection, self._tenant_id, self._link)
            known = kept.kept_version(connection, self._version)
        assert known is not None
        if known.mean is not None:
            return known.mean
        made = self._asked(Work("embed"), BACKGROUND)
        with self._context.database.tenant_tx(self._tenant_id) as connection:
            kept.keep_mean(connection, self._version, made.mean(axis=0))
            known = kept.kept_version(connection, self._version)
        assert known is not None
        assert known.mean is not None
        return known.mean

    def _asked(self, work: Work, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = vectors_by(self._context.asker, self._tenant_id, self._link, work, texts)
        if self._mean.size and vectors.shape[1] != self._mean.size:
            message = f"its vectors have {vectors.shape[1]} values, and had {self._mean.size}"
            raise NoAnswer("invalid", message, until=None)
        return normalized(vectors - self._mean) if self._mean.size else vectors

    def _missing(self) -> list[Sequence[_Text]] | None:
        """Return texts of messages without a vector, as they share calls; what is known is stored. None: none lacks."""
        wanted = {"version": self._version, "page": PAGE}
        with self._context.database.tenant_tx(self._tenant_id) as connection:
            rows = connection.execute(_MISSING, wanted).fetchall()
            held = {row[0] for row in connection.execute("SELECT subject_id FROM budget WHERE scope <> 'month'")}
        if not rows:
            return None
        texts: dict[tuple[object, ...], _Text] = {}
        for message_id, content, subject, text, source_id, job_id in rows:
            words = sent(subject, text)
            part = (source_id if source_id in held else None, job_id if job_id in held else None)
            digest = hashlib.sha256(words.encode("utf-8", "replace")).digest()
            one = texts.setdefault((*part, digest), _Text(digest, words, source_id, job_id))
            if one.source_id != source_id:
                one.source_id = None
            one.messages.append((message_id, content))
        parts: dict[tuple[object, ...], list[_Text]] = defaultdict(list)
        with self._context.database.tenant_tx(self._tenant_id) as connection:
            known = self._known(connection, [one.hash for one in texts.values()])
            for key, one in texts.items():
                vector = known.get(one.hash) if one.text else np.zeros(self._mean.size, np.float32)
                if vector is None:
                    parts[key[:2]].append(one)
                else:
                    self._store(connection, one, vector)
        return [call for part in parts.values() for call in _cut(part)]

    def _known(self, connection: psycopg.Connection, hashes: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """Return the vectors of texts that some message has had one of."""
        rows = connection.execute(
            "SELECT DISTINCT ON (text_hash) text_hash, vector FROM embedding"
            " WHERE model_version = %s AND text_hash = ANY(%s) ORDER BY text_hash, message_id",
            (self._version, list(hashes)),
        )
        return {digest: kept.as_array(vector) for digest, vector in rows}

    def _call(self, texts: Sequence[_Text]) -> None:
        """Have the vectors of some texts made and stored; what a model does not take is asked for in smaller parts."""
        if self._ended is not None:
            return
        try:
            vectors = self._asked(_work(texts), [one.text for one in texts])
        except NoAnswer as error:
            if error.reason not in _OF_THE_TEXT:
                self._ended = error
            elif len(texts) > 1:
                self._call(texts[: len(texts) // 2])
                self._call(texts[len(texts) // 2 :])
            else:
                self._stored(texts, np.zeros((1, self._mean.size), np.float32))
            return
        self._stored(texts, vectors)

    def _stored(self, texts: Sequence[_Text], vectors: NDArray[np.float32]) -> None:
        with self._context.database.tenant_tx(self._tenant_id) as connection:
            for one, vector in zip(texts, vectors, strict=True):
                self._store(connection, one, vector)

    def _store(self, connection: psycopg.Connection, one: _Text, vector: NDArray[np.float32]) -> None:
        """Store a vector with its messages, but for those that were edited or deleted meanwhile."""
        same = {"version": self._version, "vector": vector, "hash": one.hash}
        with connection.cursor() as cursor:
            cursor.executemany(_INSERT, [{**same, "id": each, "content": content} for each, content in one.messages])


def _cut(texts: Sequence[_Text]) -> Iterator[Sequence[_Text]]:
    for begin in range(0, len(texts), TEXTS_A_CALL):
        yield texts[begin : begin + TEXTS_A_CALL]


def _work(texts: Sequence[_Text]) -> Work:
    """Return what a call about texts is for: a source or backfill only where it is that of all."""
    messages = sum(len(one.messages) for one in texts)
    return Work("embed", messages, common(one.source_id for one in texts), common(one.job_id for one in texts))


def sent(subject: str, text: str) -> str:
    """Return what of a message goes to a model; "" where the masker fails, and then nothing of it goes.

    A value that is cut in two is left out whole.
    """
    try:
        masked = mask(headed(subject, text[: EMBED_CHARACTERS + LONGEST_VALUE]), Placeholders()).text
    except MaskingError:
        return ""
    is_cut = len(text) > EMBED_CHARACTERS + LONGEST_VALUE
    return (masked[:-LONGEST_VALUE] if is_cut else masked)[:EMBED_CHARACTERS].strip()
