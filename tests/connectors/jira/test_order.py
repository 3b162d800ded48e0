"""Nothing is missed and nothing repeated, whatever happens at the site while it is read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from opsintel.connectors.contract import Failure, Window
from opsintel.connectors.jira.boundary import KNOWN_LIMIT, OVERLAP, Boundary
from opsintel.errors import CredentialError, InputError, UnavailableError
from tests.connectors.contract import last_cursor, upserts
from tests.connectors.jira.site import Site, running_site
from tests.connectors.remote import state, tombstones
from tests.peers.provider import Asked, Told


@pytest.fixture(params=["cloud", "data_center"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    with running_site(request.param) as found:
        yield found


@pytest.fixture
def cloud() -> Iterator[Site]:
    with running_site() as found:
        yield found


def ids(items: Any) -> list[str]:
    return [item.native_id for item in upserts(items)]


class TestPages:
    def test_an_issue_updated_while_pages_are_read_hides_no_other(self, site: Site) -> None:
        site.add(range(13))
        asked = []

        def update_first(request: Any) -> None:
            asked.append(request.path)
            if len(asked) == 1:
                site.edit(0)

        site.peer.after = update_first
        items = list(site.connector().read("messages", None))
        assert set(ids(items)) == {site.native_id(number) for number in range(13)}

    def test_more_issues_of_one_moment_than_a_page_holds_are_read_once(self, site: Site) -> None:
        site.add(range(3))
        moment = site.peer.tick()
        for number in range(3, 16):
            site.peer.make(number).fields["updated"] = moment
        items = list(site.connector().read("messages", None))
        assert sorted(ids(items)) == sorted(site.native_id(number) for number in range(16))
        assert ids(site.connector().read("messages", last_cursor(items))) == []

    def test_the_time_is_asked_for_in_milliseconds_and_the_query_is_bounded(self, site: Site) -> None:
        site.add(range(5))
        list(site.connector().read("messages", None))
        queries = [asked.json()["jql"] for asked in site.peer.asked if b"ORDER BY" in asked.body]
        assert all(query.endswith(" ORDER BY updated ASC, id ASC") for query in queries)
        assert queries[0] == "updated >= 0 ORDER BY updated ASC, id ASC"
        assert queries[1].split()[2].isdigit()
        assert len(queries[1].split()[2]) == 13

    def test_many_comments_are_divided_by_checkpoints_between_issues(self, cloud: Site) -> None:
        cloud.peer.page = cloud.peer.embedded = 100
        for number in range(12):
            cloud.peer.make(number)
            for word in range(90):
                cloud.peer.comment(cloud.native_id(number), f"word {word}")
        items = list(cloud.connector().read("messages", None))
        assert len(upserts(items)) == 12 * 91
        assert len(items) - len(upserts(items)) >= 3

    def test_until_ends_at_a_time_of_update(self, site: Site) -> None:
        site.add(range(9))
        until = site.peer.issues[site.native_id(4)].updated
        assert len(ids(site.connector().read("messages", None, until))) == 5


class TestOverlap:
    def test_an_issue_that_the_index_shows_late_is_found(self, site: Site) -> None:
        site.add(range(4))
        site.peer.hidden = {site.native_id(1)}
        first = list(site.connector().read("messages", None))
        assert site.native_id(1) not in ids(first)
        site.peer.hidden = set()
        site.peer.tick(timedelta(minutes=5))
        site.add([4])
        assert sorted(ids(site.connector().read("messages", last_cursor(first)))) == [
            site.native_id(1),
            site.native_id(4),
        ]

    def test_known_issues_are_not_read_again_and_cost_no_details(self, cloud: Site) -> None:
        cloud.add(range(10))
        cursor = last_cursor(cloud.connector().read("messages", None))
        before = cloud.requests
        assert ids(cloud.connector().read("messages", cursor)) == []
        assert all("bulkfetch" not in asked.path for asked in cloud.peer.asked[before:])

    def test_an_issue_updated_within_the_overlap_is_read_again(self, site: Site) -> None:
        site.add(range(4))
        cursor = last_cursor(site.connector().read("messages", None))
        site.edit(2)
        assert ids(site.connector().read("messages", cursor)) == [site.native_id(2)]

    def test_a_quiet_site_is_asked_only_from_its_last_update(self, site: Site) -> None:
        site.add(range(6))
        site.peer.tick(timedelta(hours=3))
        cursor = last_cursor(site.connector().read("messages", None))
        last = site.peer.issues[site.native_id(5)].updated
        assert Boundary.of(cursor).start == int(last.timestamp()) * 1000
        assert cursor["known"].keys() == {site.native_id(5)}

    def test_the_cursor_is_bounded(self) -> None:
        boundary = Boundary(looked=int(OVERLAP.total_seconds() * 1000) + 10**9)
        for number in range(KNOWN_LIMIT + 7):
            boundary.add(str(number), 10**9 + number, 10**9 + number)
        kept = boundary.cursor()["known"]
        assert len(kept) == KNOWN_LIMIT
        assert "0" not in kept

    def test_the_site_s_clock_counts_and_not_ours(self, site: Site) -> None:
        site.peer.clock -= timedelta(days=400)
        site.add(range(3))
        looked = last_cursor(site.connector().read("messages", None))["looked"]
        assert looked == int(site.peer.clock.timestamp()) * 1000


class TestDeletions:
    def test_an_issue_that_goes_while_it_is_read_is_a_tombstone(self, cloud: Site) -> None:
        cloud.add(range(3))

        def delete(asked: Any) -> None:
            if asked.path.endswith("/search/jql"):
                cloud.peer.issues.pop(cloud.native_id(1), None)

        cloud.peer.after = delete
        assert tombstones(cloud.connector().read("messages", None)) == [cloud.native_id(1)]

    def test_census_shows_what_is_gone_and_fetch_says_so(self, site: Site) -> None:
        site.add(range(3))
        comment = site.peer.comment(site.native_id(1), "gone soon")
        stored = state(site.connector().read("messages", None)).keys()
        site.peer.issues[site.native_id(1)].comments.clear()
        site.delete(2)
        counted = {one for one, _ in site.connector().census(Window())}
        missing = sorted(stored - counted)
        assert missing == [f"10001/{comment}", "10002"]
        assert tombstones(site.connector().fetch(missing)) == missing

    def test_what_moved_out_of_the_source_is_gone_from_it(self, site: Site) -> None:
        site.add(range(2))
        config = {"projects": ["SUP"]}
        assert len(state(site.connector(**config).read("messages", None))) == 2
        site.peer.change(site.native_id(0), project={"id": "11", "key": "OPS"})
        assert {one for one, _ in site.connector(**config).census(Window())} == {site.native_id(1)}
        items = list(site.connector(**config).fetch([site.native_id(0), site.native_id(1)]))
        assert tombstones(items) == [site.native_id(0)]
        assert ids(items) == [site.native_id(1)]

    def test_census_counts_a_comment_by_its_own_time(self, site: Site) -> None:
        site.add(range(2))
        written = site.peer.clock + timedelta(milliseconds=500)
        comment = site.peer.comment(site.native_id(0), "later")
        assert [one for one, _ in site.connector().census(Window(start=written))] == [f"10000/{comment}"]
        assert {one for one, _ in site.connector().census(Window(end=written))} == {"10000", "10001"}

    def test_an_issue_updated_during_the_census_is_counted_once(self, site: Site) -> None:
        site.add(range(11))
        asked = []

        def update(request: Any) -> None:
            asked.append(request.path)
            if len(asked) == 2:
                site.edit(0)

        site.peer.after = update
        counted = [one for one, _ in site.connector().census(Window())]
        assert sorted(counted) == sorted(site.native_id(number) for number in range(11))


class TestFailures:
    def test_an_issue_that_cannot_be_read_now_is_a_failure_and_is_mended_by_its_key(self, cloud: Site) -> None:
        cloud.add(range(3))
        cloud.peer.errors = {cloud.native_id(1): "Issue is too large"}
        items = list(cloud.connector().read("messages", None))
        assert len(upserts(items)) == 2
        (failure,) = [item for item in items if isinstance(item, Failure)]
        assert (failure.retryable, failure.reason) == (True, "Issue is too large")
        cloud.peer.errors = {}
        (mended,) = upserts(cloud.connector().fetch([failure.key]))
        assert mended.native_id == cloud.native_id(1)
        assert failure.key in mended.places

    def test_a_census_with_an_issue_that_cannot_be_read_is_none(self, cloud: Site) -> None:
        cloud.add(range(3))
        cloud.peer.errors = {cloud.native_id(1): "try later"}
        with pytest.raises(UnavailableError, match="try later"):
            list(cloud.connector().census(Window()))

    def test_fetch_of_one_that_cannot_be_read_now_is_no_tombstone(self, cloud: Site) -> None:
        cloud.add(range(3))
        cloud.peer.errors = {cloud.native_id(1): "try later"}
        (failure,) = cloud.connector().fetch(["10001/7"])
        assert isinstance(failure, Failure)
        assert (failure.key, failure.retryable) == ("10001/7", True)

    def test_comments_that_are_forbidden_are_the_failure_of_their_issue_alone(self, cloud: Site) -> None:
        cloud.add(range(3))
        for word in range(cloud.peer.embedded + 1):
            cloud.peer.comment(cloud.native_id(1), f"word {word}")
        answered, forbidden = cloud.peer._answered, {"errorMessages": ["You may not see comments of it."]}
        cloud.peer._answered = lambda asked: (  # type: ignore[method-assign]
            Told(403, forbidden) if asked.path.endswith("/comment") else answered(asked)
        )
        items = list(cloud.connector().read("messages", None))
        assert sorted(ids(items)) == [cloud.native_id(0), cloud.native_id(2)]
        (failure,) = [item for item in items if isinstance(item, Failure)]
        assert (failure.key, failure.retryable) == ("10001/*", True)
        assert "You may not see comments" in failure.reason
        asked = list(cloud.connector().fetch(["10001", "10001/7", "10002"]))
        assert [item.key for item in asked if isinstance(item, Failure)] == ["10001", "10001/7"]
        assert tombstones(asked) == []
        with pytest.raises(UnavailableError, match="cannot count"):
            list(cloud.connector().census(Window()))

    @pytest.mark.parametrize("jql", ["flavour = sweet", "labels ="])
    def test_bad_jql_is_loud_and_never_an_empty_source(self, site: Site, jql: str) -> None:
        site.add(range(3))
        for act in (
            lambda connector: list(connector.read("messages", None)),
            lambda connector: list(connector.census(Window())),
        ):
            with pytest.raises(InputError, match=r"refuses the query: (Field 'flavour'|Error in the JQL)") as caught:
                act(site.connector(jql=jql))
            assert caught.value.remedy

    def test_a_refused_filter_names_jira_s_words(self, site: Site) -> None:
        connector = site.connector()
        connector.selection = {"jql": "flavour = sweet"}
        with pytest.raises(InputError, match="flavour"):
            list(connector.read("messages", None))

    def test_order_by_is_no_condition(self) -> None:
        with running_site() as site:
            with pytest.raises(ValueError, match="ORDER BY"):
                site.connector(jql="labels = x order  by created")
            site.connector(jql='summary ~ "order by mail"')

    def test_an_expired_token_that_is_answered_with_an_empty_200_is_noticed(self, cloud: Site) -> None:
        cloud.add(range(3))
        cloud.peer.is_revoked = cloud.peer.shows_strangers_nothing = True
        for act in (lambda c: list(c.read("messages", None)), lambda c: list(c.census(Window()))):
            with pytest.raises(CredentialError):
                act(cloud.connector())

    def test_nothing_at_all_is_believed_only_to_somebody_whom_jira_knows(self, cloud: Site) -> None:
        def answered(asked: Asked) -> Told:
            return Told(401, {}) if asked.path.endswith("myself") else Told(200, {"issues": [], "isLast": True})

        cloud.peer._answered = answered  # type: ignore[method-assign]
        for act in (lambda c: list(c.read("messages", None)), lambda c: list(c.census(Window()))):
            with pytest.raises(CredentialError):
                act(cloud.connector())

    def test_an_answer_without_its_list_is_an_error(self, cloud: Site) -> None:
        cloud.add(range(3))
        cloud.peer._answered = lambda _: Told(200, {"errorMessages": ["later"]})  # type: ignore[method-assign]
        with pytest.raises(UnavailableError, match="without issues"):
            list(cloud.connector().read("messages", None))

    def test_what_a_filter_pushes_down_is_asked_of_the_site(self, site: Site) -> None:
        site.add(range(3))
        site.peer.change(site.native_id(1), labels=["urgent"])
        connector = site.connector()
        connector.selection = {"jql": 'labels = "urgent"'}
        assert ids(connector.read("messages", None)) == [site.native_id(1)]
        assert [one for one, _ in connector.census(Window())] == [site.native_id(1)]
        assert tombstones(connector.fetch([site.native_id(0)])) == [site.native_id(0)]
