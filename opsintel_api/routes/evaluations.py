"""How right analyses are, and on what that is measured."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response

from opsintel_api.models.common import PageParameters
from opsintel_api.models.evaluations import EvaluationPage, EvaluationParameters, GoldSetPage
from opsintel_api.reading import Reader
from opsintel_api.routes import protected_router

routes = protected_router("quality")


@routes.get("/evaluations", response_model=EvaluationPage)
async def list_evaluations(reader: Reader, parameters: Annotated[EvaluationParameters, Query()]) -> Response:
    """Return how right analyses were, by week, version and field, the latest week first."""
    return reader.answer(await reader.page("evaluations", parameters, parameters.field))


@routes.get("/gold-sets", response_model=GoldSetPage)
async def list_gold_sets(reader: Reader, parameters: Annotated[PageParameters, Query()]) -> Response:
    """Return the versions of what people said is right, on which analyses are measured, the latest first."""
    return reader.answer(await reader.page("gold_sets", parameters))
