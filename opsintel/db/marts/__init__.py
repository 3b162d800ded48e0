"""The views that analysts read: schema `mart`, declared as the tables are."""

from opsintel.db.marts.declaration import View, ViewColumn
from opsintel.db.marts.exports import v_export_row
from opsintel.db.marts.issues import v_agreement, v_issue_current, v_issue_daily
from opsintel.db.marts.messages import v_analysis_current, v_message
from opsintel.db.marts.operation import v_evaluation, v_model_cost, v_model_usage, v_source_completeness

VIEWS: tuple[View, ...] = (
    v_message,
    v_analysis_current,
    v_issue_current,
    v_issue_daily,
    v_source_completeness,
    v_model_cost,
    v_model_usage,
    v_agreement,
    v_evaluation,
    v_export_row,
)
"""All views, in the order of the documentation."""

__all__ = ["VIEWS", "View", "ViewColumn"]
