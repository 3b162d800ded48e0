"""What a model said of a message as the analyses that are stored of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from opsintel.llm.ask import Asked
from opsintel.taxonomy.taxonomy import Taxonomy
from opsintel_pipeline.analyze import prompt
from opsintel_pipeline.analyze.answer import Item, joined
from opsintel_pipeline.analyze.rows import Made, Origin
from opsintel_pipeline.analyze.sharing import Known, Open, reused


def made_of(
    one: Open, item: Item, asked: Asked[Any], taxonomy: Taxonomy, shown: Sequence[str], share: int
) -> list[Made]:
    """Return the analysis of a message and of those that are like it, each with its share of the cost."""
    found = joined(one.view, one.found, one.sent.restored(item))
    origin = Origin(
        asked.link.provider,
        asked.link.model,
        prompt.version(taxonomy),
        call_id=asked.call_id,
        tokens=(asked.tokens_in // share, asked.tokens_out // share, asked.tokens_cached // share),
        cost_usd=None if asked.cost_usd is None else asked.cost_usd / share,
        latency_ms=asked.latency_ms,
        attempts=asked.attempts,
        provenance={**provenance(one, taxonomy, shown), "way": asked.way.value, "repaired": asked.was_repaired},
        template_key=one.template_key,
        job_id=one.job_id,
    )
    again = replace(origin, tokens=(0, 0, 0), cost_usd=0, attempts=0, latency_ms=0)
    first = Made(one.message_id, one.view, found, origin)
    known = Known(first.id, one.view, found, origin.provider, origin.model)
    return [
        first,
        *(Made(message_id, one.view, found, again) for message_id in one.same),
        *(
            made
            for other in one.alike
            for made in reused(other, known, origin.profile_version, provenance(other, taxonomy, shown))
        ),
    ]


def provenance(one: Open, taxonomy: Taxonomy, shown: Sequence[str] = ()) -> dict[str, Any]:
    """Return what code says of an analysis: prompt, corrections that were shown, and what the rules found."""
    found = {"is_actionable": one.found.is_actionable, "severity": one.found.severity}
    return {"prompt": prompt.prompt_hash(taxonomy), "examples": list(shown), "rules": found}
