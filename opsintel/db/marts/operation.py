"""How complete the sources are, and what models cost."""

from opsintel.db.marts.declaration import View, plain, words

v_source_completeness = View(
    "v_source_completeness",
    "By source and UTC day: counted at the provider, stored, analysed, exported",
    (
        plain("day", "fact.day", "UTC day"),
        plain("source_id", "fact.source_id", "The source"),
        plain("source_kind", "source.kind", "Its kind, e.g. mbox, slack_export"),
        words("source_name", "source.name", "Its name"),
        plain("counted", "fact.census", "Items the provider held when last counted; null when never"),
        plain("stored", "fact.stored", "Items stored"),
        plain("normalized", "fact.normalized", "Messages made of them"),
        plain("analysed", "fact.analysed", "Messages analysed"),
        plain("left_out", "fact.left_out", "Messages that are not analysed, as no filter selects them"),
        plain("exported", "fact.exported", "Messages whose issue stands in an export"),
        plain("failed", "fact.failed", "Failures that are open"),
        plain("counted_at", "fact.counted_at", "When the provider was counted"),
    ),
    "fact_source_day AS fact JOIN source ON source.tenant_id = fact.tenant_id AND source.id = fact.source_id",
)

v_evaluation = View(
    "v_evaluation",
    "By week, version and field: how right analyses were on what people had said",
    (
        plain("week", "evaluation.week", "Monday of the week (UTC)"),
        plain("gold_version", "evaluation.gold_version", "Version of the gold set that it was measured on"),
        plain("profile_version", "evaluation.profile_version", "Version of profile, schema and taxonomy"),
        plain("model", "evaluation.model", "Model, or version of the built-in rules"),
        plain("field", "evaluation.field", "Field that is measured"),
        plain("examples", "evaluation.examples", "Examples that say what is right of the field"),
        plain("accuracy", "evaluation.accuracy", "Share that is right, 0 to 1"),
        plain("macro_f1", "evaluation.macro_f1", "Mean of the F1 scores of all values, 0 to 1"),
        plain("kappa", "evaluation.kappa", "Quadratically weighted kappa of the severity, -1 to 1; null for others"),
        plain(
            "calibration_error",
            "evaluation.calibration_error",
            "Expected calibration error of the confidence as it is used; null without reviews",
        ),
        plain(
            "calibration_error_given", "evaluation.calibration_error_given", "That of the confidence as it was given"
        ),
        plain(
            "corrections_per_1000",
            "evaluation.corrections_per_1000",
            "Messages whose field was corrected in the week, of 1,000 analysed",
        ),
        plain("created_at", "evaluation.created_at", "When it was measured"),
    ),
    "evaluation",
)

v_model_cost = View(
    "v_model_cost",
    "By UTC day, provider and model: analyses made, tokens and cost, superseded analyses among them",
    (
        plain("day", "(analysis.created_at AT TIME ZONE 'UTC')::date", "UTC day on which the analyses were made"),
        plain("provider", "analysis.provider", "built-in, openai, anthropic, ..."),
        plain("model", "analysis.model", "Model, or version of the built-in rules"),
        plain("analyses", "count(*)", "Analyses made"),
        plain("reused", "count(analysis.reused_from)", "Those copied from another message, without a call"),
        plain("calls", "coalesce(sum(analysis.attempts), 0)", "Calls of the model"),
        plain("tokens_in", "coalesce(sum(analysis.tokens_in), 0)", "Tokens sent"),
        plain("tokens_out", "coalesce(sum(analysis.tokens_out), 0)", "Tokens received"),
        plain("tokens_cached", "coalesce(sum(analysis.tokens_cached), 0)", "Tokens sent that the provider had cached"),
        plain("cost_usd", "sum(analysis.cost_usd)", "Cost in USD of those whose price is known"),
        plain("unpriced", "count(*) FILTER (WHERE analysis.cost_usd IS NULL)", "Analyses whose price is unknown"),
    ),
    "analysis GROUP BY 1, 2, 3",
)

v_model_usage = View(
    "v_model_usage",
    "Calls of models by UTC day, source, purpose and model, as the ledger has them: calls without an answer among them",
    (
        plain("day", "fact.day", "UTC day on which the calls were begun"),
        plain("source_id", "fact.source_id", "Source of the messages; null where a call was about several, or none"),
        words("source_name", "source.name", "Its name"),
        plain("purpose", "fact.purpose", "analyse, name_issue, embed or probe"),
        plain("provider", "fact.provider", "openai, anthropic, ..."),
        plain("model", "fact.model", "Model, as the provider calls it"),
        plain("calls", "fact.calls", "Calls that have ended"),
        plain("failed", "fact.failed", "Of them, those that gave no answer"),
        plain("messages", "fact.messages", "Messages that were answered for"),
        plain("tokens_in", "fact.tokens_in", "Tokens sent"),
        plain("tokens_out", "fact.tokens_out", "Tokens received"),
        plain("tokens_cached", "fact.tokens_cached", "Tokens sent that the provider had cached"),
        plain("cost_usd", "fact.cost_usd", "Cost in USD of the calls whose price is known"),
        plain("unpriced", "fact.unpriced", "Calls that were answered at a price that is unknown"),
    ),
    "fact_model_usage_day AS fact LEFT JOIN source ON source.tenant_id = fact.tenant_id AND source.id = fact.source_id",
)
