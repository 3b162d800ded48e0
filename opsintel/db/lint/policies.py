"""Policies: those declared, for the roles declared, with the declared comparison of the tenant."""

from typing import LiteralString

from opsintel.db.lint.catalogue import DECLARED_POLICIES, POLICIES
from opsintel.db.lint.rule import Rule

_FOUND: LiteralString = POLICIES.replace("%(schema)s", "'public'")

RULES = (
    Rule(
        "policy-missing",
        "is declared and not there",
        f"""SELECT format('%%s of %%s', declared.name, declared.relation) FROM {DECLARED_POLICIES}
            WHERE NOT EXISTS (SELECT FROM ({_FOUND}) AS found
                              WHERE (found.relation, found.name) = (declared.relation, declared.name))""",
    ),
    Rule(
        "policy-undeclared",
        "is declared nowhere; policies add up, so it can only open what the others close",
        f"""SELECT format('%%s of %%s', found.name, found.relation) FROM ({_FOUND}) AS found
            WHERE found.relation = ANY(%(tables)s)
                AND NOT EXISTS (SELECT FROM {DECLARED_POLICIES}
                                WHERE (found.relation, found.name) = (declared.relation, declared.name))""",
    ),
    Rule(
        "policy-changed",
        "binds other roles, other commands or other rows than declared",
        f"""SELECT format('%%s of %%s', found.name, found.relation) FROM ({_FOUND}) AS found
                JOIN {DECLARED_POLICIES} ON (found.relation, found.name) = (declared.relation, declared.name)
            WHERE (found.permissive, found.roles, found.command, found.condition, found."check")
                <> (declared.permissive, declared.roles, declared.command, declared.condition, declared."check")""",
    ),
)
