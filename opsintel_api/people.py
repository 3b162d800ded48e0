"""Who is meant by a request about a person, looked up."""

from __future__ import annotations

from typing import Any

from opsintel_api.models.people import PersonSubject
from opsintel_api.problems import unprocessable
from opsintel_api.reading import statement


async def require_known(connection: Any, subject: PersonSubject) -> None:
    """Refuse a subject that names a participant whom the tenant does not have; 422."""
    if subject.participant_id and not await connection.fetchval(
        statement("participant_exists"), subject.participant_id
    ):
        raise unprocessable("subject.participant_id", "There is no such participant")
