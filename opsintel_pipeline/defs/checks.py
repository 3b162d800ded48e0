"""Asset checks: what must hold between the tables, over all tenants. Results are counts, never content."""

from dataclasses import dataclass

from dagster import AssetCheckResult, AssetChecksDefinition, AssetCheckSeverity, asset_check

from opsintel.context import Context
from opsintel.tenants import all_tenants
from opsintel_pipeline.defs.resources import Installation


@dataclass(frozen=True)
class Rule:
    """A statement that counts what it looked at and what is wrong, within one tenant."""

    asset: str
    name: str
    description: str
    statement: str


RULES = (
    Rule(
        "raw_messages",
        "census_equals_stored",
        "Every item that a source held when it was last counted is stored.",
        "SELECT coalesce(sum(census), 0), coalesce(sum(greatest(census - stored, 0)), 0) FROM fact_source_day"
        " WHERE census IS NOT NULL",
    ),
    Rule(
        "messages",
        "no_orphan_message",
        "Every message was seen in at least one place.",
        "SELECT count(*), count(*) FILTER (WHERE NOT EXISTS ("
        "SELECT FROM message_occurrence AS place WHERE place.message_id = message.id)) FROM message",
    ),
    Rule(
        "messages",
        "every_payload_normalised",
        "Every stored payload has become a message or a failure.",
        "SELECT count(*), count(*) FILTER (WHERE normalized_at IS NULL) FROM raw_payload",
    ),
    Rule(
        "analyses",
        "every_message_analysed",
        "Every message that is selected and not deleted has a current analysis.",
        "SELECT count(*), count(*) FILTER (WHERE NOT EXISTS ("
        "SELECT FROM analysis WHERE analysis.message_id = message.id AND analysis.current))"
        " FROM message WHERE deleted_at IS NULL AND selected",
    ),
    Rule(
        "issues",
        "one_issue_a_message",
        "No message is a current member of two issues.",
        "SELECT count(*), count(*) FILTER (WHERE times > 1) FROM ("
        "SELECT count(*) AS times FROM issue_member WHERE removed_at IS NULL GROUP BY message_id) AS members",
    ),
    Rule(
        "marts",
        "roll_up_equals_messages",
        "The roll-up by day counts as many messages as are selected.",
        "SELECT stored, abs(stored - counted) FROM"
        " (SELECT count(*) AS stored FROM message WHERE deleted_at IS NULL AND selected) AS rows,"
        " (SELECT coalesce(sum(messages), 0)::bigint AS counted FROM fact_message_day) AS facts",
    ),
    Rule(
        "sheet_exports",
        "exported_equals_stored",
        "Every planned row of an export was written.",
        "SELECT count(*), count(*) FILTER (WHERE state = 'planned') FROM export_row",
    ),
)


def evaluate(context: Context, rule: Rule) -> AssetCheckResult:
    """Return the result of a rule over all tenants, naming at most ten that break it."""
    seen = 0
    wrong: dict[str, int] = {}
    for tenant in all_tenants(context.database):
        with context.database.tenant_tx(tenant.id) as connection:
            row = connection.execute(rule.statement.encode()).fetchone()
        assert row is not None
        seen += int(row[0])
        if row[1]:
            wrong[tenant.slug] = int(row[1])
    return AssetCheckResult(
        passed=not wrong,
        severity=AssetCheckSeverity.WARN,
        metadata={"rows": seen, "wrong": sum(wrong.values()), "tenants": ", ".join(sorted(wrong)[:10])},
    )


def rule_check(rule: Rule) -> AssetChecksDefinition:
    """Return the asset check of a rule."""

    @asset_check(asset=rule.asset, name=rule.name, description=rule.description)
    def check(installation: Installation) -> AssetCheckResult:
        return evaluate(installation.open(), rule)

    return check


asset_checks = [rule_check(rule) for rule in RULES]
