"""The lint of the catalogue: a migrated database against what is declared of it, rule by rule.

The declarations are opsintel/db/tables, opsintel/db/marts and opsintel/db/roles.py; the rules stand beside this file,
by subject. `opsintel doctor` runs it. It reads the catalogue alone, and what it makes for comparison it takes back.
"""

from __future__ import annotations

import psycopg

from opsintel.db.lint import analysts, functions, grants, keys, policies, roles, tables, views
from opsintel.db.lint.analysts import bindings
from opsintel.db.lint.declared import Declared, declared
from opsintel.db.lint.rule import Finding, Rule

RULES: tuple[Rule, ...] = tuple(
    rule for module in (tables, keys, policies, grants, roles, views, functions, analysts) for rule in module.RULES
)
"""All rules, by subject."""

OF_ROLES: tuple[Rule, ...] = (*roles.RULES, *analysts.RULES)
"""Those about roles and logins."""


def examine(connection: psycopg.Connection, wanted: Declared) -> list[Finding]:
    """Return what breaks a rule, in the order of the rules.

    `connection` belongs to the login of migrations; `wanted` is what `declared` gives for it.
    """
    parameters = wanted.parameters | bindings(connection)
    return [
        Finding(rule, str(subject))
        for rule in RULES
        for (subject,) in connection.execute(rule.query, parameters).fetchall()
    ]


__all__ = ["OF_ROLES", "RULES", "Declared", "Finding", "Rule", "declared", "examine"]
