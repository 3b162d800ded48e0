"""`opsintel demo --exit --json` on a fresh folder, against the truth that the sample ships with."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import pytest
from sklearn.metrics import adjusted_rand_score

import opsintel.sample
from opsintel.sample import SAMPLE_DAYS
from opsintel.sample.shift import COMPANIES, FILES
from tests.canonical import Dump
from tests.end_to_end.demo_process import Outcome
from tests.end_to_end.kills import Comparison

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

UNREADABLE = {"broken:no_ts", "broken:not_json", "broken:too_few_fields"}
"""What is broken so that no message can be made of it; the other broken ones become messages with a defect."""


@pytest.fixture(scope="module")
def outcome(comparison: Comparison) -> Outcome:
    return comparison.undisturbed()


@pytest.fixture(scope="module")
def truth() -> list[dict[str, str]]:
    with (Path(opsintel.sample.__file__).parent / "truth.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def problems_of(truth: list[dict[str, str]], tenant: str) -> dict[str, str]:
    """Return the problem of each mail and ticket by its canonical name; the times in Slack's ids move by days."""
    named = {kind: name for kind, name in FILES.values() if kind != "slack_export"}
    return {
        f"{named[row['source']]} {row['native_id'].strip('<>')}": row["problem"]
        for row in truth
        if row["tenant"] == tenant and row["problem"] and row["source"] in named
    }


def issues_of(dump: Dump) -> dict[str, int]:
    """Return the issue of each mail, by source and Message-ID, and ticket, by source and number."""
    message_ids = {str(row[0]): f"{str(row[0]).rpartition(' ')[0]} {row[4]}" for row in dump["message"] if row[4]}
    return {
        message_ids.get(str(name), str(name)): int(str(number))
        for name, number, *_, current in dump["issue_member"]
        if current
    }


class TestADemo:
    def test_holds_every_message_of_the_truth_and_no_other(self, outcome: Outcome, truth: list[dict[str, str]]) -> None:
        readable = [row for row in truth if row["noise"] not in UNREADABLE]
        assert outcome.summary["messages"] == len(readable)
        assert outcome.summary["analyses"] == len(readable)
        assert outcome.summary["failures"] == len(truth) - len(readable)

    def test_materialises_every_day_of_both_companies(self, outcome: Outcome) -> None:
        assert outcome.summary["tenants"] == len(COMPANIES)
        assert set(outcome.dumps) == set(COMPANIES)
        days = {(tenant, row[6]) for tenant, dump in outcome.dumps.items() for row in dump["raw_payload"]}
        assert len(days) >= SAMPLE_DAYS * len(COMPANIES)
        assert outcome.summary["partitions"] == len(days)

    def test_counts_in_the_marts_what_is_stored(self, outcome: Outcome) -> None:
        for dump in outcome.dumps.values():
            messages = sum(int(str(row[5])) for row in dump["fact_message_day"])
            in_issues = sum(int(str(row[2])) for row in dump["fact_issue_day"])
            assert messages == len(dump["message"])
            assert in_issues == sum(1 for row in dump["issue_member"] if row[-1])
            assert sum(int(str(row[10])) for row in dump["issue"]) == in_issues

    @pytest.mark.parametrize("tenant", COMPANIES)
    def test_finds_an_issue_for_most_messages_on_a_problem(
        self, outcome: Outcome, truth: list[dict[str, str]], tenant: str
    ) -> None:
        problems, issues = problems_of(truth, tenant), issues_of(outcome.dumps[tenant])
        assert sum(name in issues for name in problems) >= 0.75 * len(problems)

    def test_puts_newsletters_and_automatic_replies_into_no_issue(
        self, outcome: Outcome, truth: list[dict[str, str]]
    ) -> None:
        grouped = {name for dump in outcome.dumps.values() for name in issues_of(dump)}
        _, mailbox = FILES["mailbox.mbox"]
        automatic = [row for row in truth if row["noise"] in ("newsletter", "auto_reply")]
        assert not {f"{mailbox} {row['native_id'].strip('<>')}" for row in automatic} & grouped

    @pytest.mark.parametrize("tenant", COMPANIES)
    def test_groups_by_problem_far_better_than_chance(
        self, outcome: Outcome, truth: list[dict[str, str]], tenant: str
    ) -> None:
        problems, issues = problems_of(truth, tenant), issues_of(outcome.dumps[tenant])
        named = defaultdict(list)
        for name in sorted(problems.keys() & issues.keys()):
            named["problems"].append(problems[name])
            named["issues"].append(str(issues[name]))
        assert adjusted_rand_score(named["problems"], named["issues"]) >= 0.5
