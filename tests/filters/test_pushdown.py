"""What each provider evaluates of a filter: the table of the specification, row by row, and that the result of a filter
never depends on the provider."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from opsintel.cli.filter import app
from opsintel.connectors.contract import Connector
from opsintel.connectors.gmail import pushdown as gmail
from opsintel.connectors.graph import pushdown as graph
from opsintel.connectors.imap import pushdown as imap
from opsintel.connectors.jira import pushdown as jira
from opsintel.connectors.slack import pushdown as slack
from opsintel.connectors.zendesk import pushdown as zendesk
from opsintel.filters.evaluate import Item, matches
from opsintel.filters.parse import parse
from opsintel.filters.plan import Exactness, Plan, explained, local_plan, simplified
from opsintel.filters.syntax import PROVIDERS, Node
from tests.filters import natives
from tests.filters.strategies import NOW, items, names, times, trees, words

SEEN = "from:a@b.c subject:refund -label:spam newer_than:7d /E\\d+/"
WEEK_AGO = 1795406400
"""NOW less seven days, in seconds."""

PUSH: dict[str, Callable[[Node], Plan]] = {
    "gmail": lambda tree: gmail.push_down(tree, NOW, natives.GMAIL_LABELS),
    "graph": lambda tree: graph.push_down(tree, NOW),
    "graph by list": lambda tree: graph.push_down(tree, NOW, by_list=True),
    "imap": lambda tree: imap.push_down(tree, NOW),
    "imap of gmail": lambda tree: imap.push_down(tree, NOW, ("Billing", "spam", "SPAM", "my label")),
    "slack": lambda tree: slack.push_down(tree, NOW),
    "zendesk": lambda tree: zendesk.push_down(tree, NOW),
    "jira": lambda tree: jira.push_down(tree, NOW, accounts=natives.JIRA_ACCOUNTS),
    "jira with comments": lambda tree: jira.push_down(tree, NOW, with_comments=True, accounts=natives.JIRA_ACCOUNTS),
}

# Half of the trees are of terms that providers know, so that much is pushed.
TREES = st.one_of(trees(), trees(st.one_of(words(), names(), times())))
MAILBOX = st.lists(st.tuples(items(dated=True), st.integers(-12, 14)), min_size=1, max_size=4)


def answers(name: str, native: Any, item: Item, later: int) -> bool:
    """Tell whether a provider gives a message; `later` is all that may differ: a zone, or when it was last updated."""
    message = item.message
    kind = name.split()[0]
    if kind == "imap":
        return natives.imap(native, message, zone=later)
    if kind in ("zendesk", "jira"):
        updated = abs(later) * 3600 if "comments" in name or kind == "zendesk" else 0
        return bool(getattr(natives, kind)(native, message, updated_later=updated))
    return bool(getattr(natives, kind)(native, message))


def exactness(provider: str, text: str) -> list[str]:
    return [term["exactness"] for term in explained(PUSH[provider](parse(text)))["terms"]]


class TestResultIsIndependentOfTheProvider:
    @given(TREES, MAILBOX)
    def test_push_down_and_residual_are_everything_then_local(
        self, tree: Node, mailbox: list[tuple[Item, int]]
    ) -> None:
        for name, push in PUSH.items():
            found = push(tree)
            for item, later in mailbox:
                given_by_provider = answers(name, found.pushed, item, later)
                both = given_by_provider and matches(found.residual, item, NOW)
                assert both is matches(tree, item, NOW), name

    @given(trees(), items())
    def test_simplification_keeps_the_meaning(self, tree: Node, item: Item) -> None:
        assert matches(simplified(tree), item, NOW) is matches(tree, item, NOW)

    @pytest.mark.parametrize("name", PUSH)
    def test_what_is_pushed_really_narrows(self, name: str) -> None:
        # The property would hold for a push-down that pushes nothing.
        found = PUSH[name](parse("after:2026-11-23 channel:support"))
        assert found.pushed
        assert found.exactness is not Exactness.LOCAL


class TestLabelsThatDifferInCase:
    """The filter knows one label, the provider more."""

    def test_imap_of_gmail_finds_messages_of_either(self) -> None:
        found = PUSH["imap of gmail"](parse("label:spam -label:billing"))
        search = {"search": 'NOT X-GM-LABELS "Billing" OR X-GM-LABELS "spam" X-GM-LABELS "SPAM"'}
        assert sorted(found.pushed["search"]) == sorted(search["search"])

    def test_gmail_asks_for_none_of_them_by_id(self) -> None:
        found = gmail.push_down(parse("label:billing"), NOW, {"Billing": "Label_1", "BILLING": "Label_2"})
        assert found.pushed == {"q": "label:billing", "includeSpamTrash": True}


class TestTable:
    @pytest.mark.parametrize(
        ("provider", "native", "kind"),
        [
            ("gmail", {"q": f"after:{WEEK_AGO}", "includeSpamTrash": True}, "exact"),
            ("graph", {"delta": {"$filter": "receivedDateTime ge 2026-11-23T04:00:00Z"}}, "superset"),
            ("imap", {"search": "SINCE 22-Nov-2026"}, "superset"),
            ("slack", {"oldest": f"{WEEK_AGO}.000000", "inclusive": True}, "exact"),
            ("zendesk", {"start_time": WEEK_AGO}, "superset"),
            ("jira", {"jql": f"created >= {WEEK_AGO}000"}, "exact"),
            ("jira with comments", {"jql": f"updated >= {WEEK_AGO}000"}, "superset"),
        ],
    )
    def test_date_after(self, provider: str, native: Any, kind: str) -> None:
        found = PUSH[provider](parse("newer_than:7d"))
        assert found.pushed == native
        assert found.exactness == kind

    @pytest.mark.parametrize(
        ("provider", "native", "kind"),
        [
            ("gmail", {"q": f"before:{WEEK_AGO}", "includeSpamTrash": True}, "exact"),
            ("graph", {}, "local"),
            ("graph by list", {"list": {"$filter": "receivedDateTime lt 2026-11-23T04:00:00Z"}}, "superset"),
            ("imap", {"search": "BEFORE 25-Nov-2026"}, "superset"),
            ("slack", {"latest": f"{WEEK_AGO - 1}.999999", "inclusive": True}, "exact"),
            ("zendesk", {}, "local"),
            ("jira", {"jql": f"created < {WEEK_AGO}000"}, "exact"),
        ],
    )
    def test_date_before(self, provider: str, native: Any, kind: str) -> None:
        found = PUSH[provider](parse("before:2026-11-23T04:00:00Z"))
        assert found.pushed == native
        assert found.exactness == kind

    @pytest.mark.parametrize(
        ("provider", "native", "kind"),
        [
            ("gmail", {"q": 'from:"a@b.c"', "includeSpamTrash": True}, "superset"),
            ("graph", {}, "local"),
            ("graph by list", {"list": {"$filter": "from/emailAddress/address eq 'a@b.c'"}}, "superset"),
            ("imap", {"search": 'FROM "a@b.c"'}, "superset"),
            ("slack", {}, "local"),
            ("zendesk", {}, "local"),
            ("jira", {"jql": 'reporter = "5b10:1"'}, "superset"),
            ("jira with comments", {}, "local"),
        ],
    )
    def test_sender(self, provider: str, native: Any, kind: str) -> None:
        found = PUSH[provider](parse("from:a@b.c"))
        assert found.pushed == native
        assert found.exactness == kind

    @pytest.mark.parametrize(
        ("provider", "native", "kind"),
        [
            ("gmail", {"q": 'subject:"order" subject:"refund"', "includeSpamTrash": True}, "superset"),
            ("graph", {}, "local"),
            ("imap", {"search": 'SUBJECT "order" SUBJECT "gr" SUBJECT "refund"'}, "superset"),
            ("slack", {}, "local"),
            ("zendesk", {}, "local"),
            ("jira", {"jql": 'summary ~ "order" AND summary ~ "refund"'}, "superset"),
        ],
    )
    def test_subject(self, provider: str, native: Any, kind: str) -> None:
        found = PUSH[provider](parse('subject:"Order grün Refund"'))
        assert found.pushed == native
        assert found.exactness == kind

    @pytest.mark.parametrize(
        ("provider", "text", "native", "kind"),
        [
            ("gmail", "label:spam label:Billing", {"labelIds": ["SPAM", "Label_1"], "includeSpamTrash": True}, "exact"),
            ("gmail", "-label:spam", {"q": "-in:spam", "includeSpamTrash": True}, "exact"),
            ("gmail", '-label:"my label"', {}, "local"),
            ("graph", "channel:Inbox", {"folders": ["inbox"]}, "exact"),
            ("graph", "label:red", {}, "local"),
            ("imap", "channel:INBOX OR channel:Support", {"mailboxes": ["inbox", "support"]}, "exact"),
            ("imap", "label:Billing", {}, "local"),
            ("imap of gmail", "label:billing", {"search": 'X-GM-LABELS "Billing"'}, "exact"),
            ("slack", "channel:#Support", {"channels": ["support"]}, "exact"),
            ("zendesk", "label:vip", {}, "local"),
            ("jira", "channel:#ABC", {"jql": 'project = "ABC"'}, "exact"),
            ("jira", "label:vip channel:ABC", {"jql": 'labels = "vip" AND project = "ABC"'}, "exact"),
            ("jira", '-label:vip -status:"To Do"',
             {"jql": '(labels != "vip" OR labels is EMPTY) AND status != "To Do"'}, "exact"),
        ],
    )  # fmt: skip
    def test_label(self, provider: str, text: str, native: Any, kind: str) -> None:
        found = PUSH[provider](parse(text))
        assert found.pushed == native
        assert found.exactness == kind

    @pytest.mark.parametrize("provider", PROVIDERS)
    @pytest.mark.parametrize("text", ["/E\\d+/", "lang:de", "field[team]:x", "body:refund", "severity:1", "is:auto"])
    def test_regex_language_and_custom_are_local(self, provider: str, text: str) -> None:
        found = PUSH[provider](parse(text))
        assert found.pushed == {}
        assert found.exactness is Exactness.LOCAL
        assert found.residual == parse(text)
        assert all(term.reason for term in found.terms)

    @pytest.mark.parametrize(
        ("provider", "text", "native"),
        [
            ("gmail", "gmail:{a OR b}", {"q": "(a OR b)", "includeSpamTrash": True}),
            ("graph", "graph:{importance eq 'high'}", {"list": {"$filter": "(importance eq 'high')"}}),
            ("imap", "imap:{OR SEEN FLAGGED}", {"search": "(OR SEEN FLAGGED)"}),
            ("slack", "slack:{in:general}", {"search": "in:general"}),
            ("zendesk", "zendesk:{type:incident}", {"search": "type:incident"}),
            ("jira", "jql:{a = b OR c = d}", {"jql": "(a = b OR c = d)"}),
        ],
    )
    def test_blocks(self, provider: str, text: str, native: Any) -> None:
        found = PUSH[provider](parse(text))
        assert (found.pushed, found.exactness) == (native, Exactness.EXACT)
        others = [PUSH[other](parse(text)).pushed for other in PROVIDERS if other != provider]
        assert others == [{}] * 5


class TestRules:
    @pytest.mark.parametrize("provider", ["gmail", "imap", "jira"])
    def test_a_superset_is_not_negated(self, provider: str) -> None:
        found = PUSH[provider](parse("-subject:refund"))
        assert found.pushed == {}
        assert "opposite" in found.terms[0].reason

    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_a_negated_date_is_local_for_messages_without_one(self, provider: str) -> None:
        assert PUSH[provider](parse("-newer_than:7d")).pushed == {}

    @pytest.mark.parametrize("provider", ["gmail", "imap", "jira"])
    def test_an_or_with_a_local_side_is_local_as_a_whole(self, provider: str) -> None:
        found = PUSH[provider](parse("subject:refund OR /E\\d+/"))
        assert found.pushed == {}
        assert exactness(provider, "subject:refund OR /E\\d+/") == ["local", "local"]

    def test_an_or_is_pushed_with_all_of_its_sides(self) -> None:
        text = "(subject:refund OR from:a@b.c OR -label:spam) after:2026-11-23"
        found = PUSH["gmail"](parse(text))
        assert found.pushed["q"] == '(subject:"refund" OR from:"a@b.c" OR -in:spam) after:1795392000'
        assert found.residual == parse("subject:refund OR from:a@b.c OR -label:spam")

    def test_or_of_three_is_nested_for_imap(self) -> None:
        found = PUSH["imap"](parse("from:a@b.c OR from:d@e.f OR subject:(x y)"))
        assert found.pushed["search"] == 'OR FROM "a@b.c" OR FROM "d@e.f" (SUBJECT "x" SUBJECT "y")'

    @pytest.mark.parametrize(
        ("text", "simple"),
        [
            ("-(a OR -b)", "-a b"), ("-(a -b)", "-a OR b"), ("a a b", "a b"), ("a OR (a b)", "a"), ("a (a OR b)", "a"),
            ("(a OR b OR c) (a OR b)", "a OR b"), ("-(-(a b))", "a b"),
        ],
    )  # fmt: skip
    def test_what_is_said_twice_is_left_out(self, text: str, simple: str) -> None:
        assert simplified(parse(text)) == parse(simple)

    @pytest.mark.parametrize("value", ['x" OR from:"y', "x\\", "x'y", "x) OR (y", "größe@b.c", "a@b.c} {"])
    def test_no_value_leaves_its_place(self, value: str) -> None:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        tree = parse(f'subject:"{escaped}" from:"{escaped}" label:"{escaped}" channel:"{escaped}"')
        assert set(re_keys(PUSH["gmail"](tree).pushed.get("q", ""))) <= {"subject", "from", "label"}
        assert PUSH["imap"](tree).pushed.get("search", "").isascii()
        clauses = PUSH["jira"](tree).pushed["jql"].split(" AND ")
        assert clauses[-1] == f'project = "{escaped}"'

    def test_line_ends_reach_no_command(self) -> None:
        with pytest.raises(ValueError, match="printable"):
            imap.quoted("a\r\nA1 DELETE INBOX")

    def test_common_words_are_not_asked_of_jira(self) -> None:
        assert PUSH["jira"](parse("subject:the")).pushed == {}

    def test_a_source_without_a_language_is_read_as_a_whole(self) -> None:
        tree = parse(SEEN)
        assert local_plan(tree).residual == tree
        assert Connector.plan(None, tree, NOW) == local_plan(tree)  # type: ignore[arg-type]


def re_keys(query: str) -> list[str]:
    return [part.split(":")[0] for part in query.split() if ":" in part]


class TestExplain:
    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_the_example_is_explained_for_each_provider(self, provider: str) -> None:
        done = CliRunner().invoke(app, ["explain", SEEN, "--for", provider, "--json"])
        shown = json.loads(done.stdout)
        assert done.exit_code == 0
        assert [term["term"] for term in shown["terms"]] == SEEN.split()
        assert shown["tree"]["op"] == "and"
        assert shown["pushed"]
        assert "/E\\d+/" in shown["residual"]
        assert all(entry["reason"] for entry in shown["not_pushed"])
        inexact = [term["term"] for term in shown["terms"] if term["exactness"] != "exact"]
        assert shown["residual"].split() == inexact

    def test_people_read_what_is_pushed_and_what_is_not(self) -> None:
        shown = CliRunner().invoke(app, ["explain", "-label:spam /x/", "--for", "gmail"]).stdout
        assert shown.splitlines()[:2] == ["Pushed to gmail", "  q: -in:spam"]
        assert shown.endswith("Evaluated here\n  /x/\n")

    def test_a_bad_filter_and_an_unknown_provider_are_exit_code_2(self) -> None:
        assert CliRunner().invoke(app, ["explain", "form:x", "--for", "gmail"]).exit_code == 2
        assert CliRunner().invoke(app, ["explain", "x", "--for", "fax"]).exit_code == 2
