"""What of issues and comments is read, as the normaliser sees it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from opsintel.connectors.contract import Failure, Upsert, Window
from opsintel.events.message import AutomaticClass, CanonicalMessage, Direction, IdentityKind, Kind, Visibility
from opsintel_pipeline.normalize.parse import NormalizeContext, parse_payload
from tests.connectors.contract import last_cursor, upserts
from tests.connectors.jira.site import Site, running_site
from tests.connectors.remote import state
from tests.peers.jira import person


@pytest.fixture(params=["cloud", "data_center"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    with running_site(request.param) as found:
        yield found


@pytest.fixture
def cloud() -> Iterator[Site]:
    with running_site() as found:
        yield found


@pytest.fixture
def data_center() -> Iterator[Site]:
    with running_site("data_center") as found:
        yield found


def messages(site: Site, **config: Any) -> dict[str, CanonicalMessage]:
    context = NormalizeContext(own_domains=frozenset({"acme.example"}))
    items = state(site.connector(**config).read("messages", None))
    return {one: parse_payload(item.payload, item.format, one, context=context) for one, item in items.items()}


def read(site: Site, cursor: Any = None) -> list[Upsert]:
    return upserts(site.connector().read("messages", cursor))


class TestIssues:
    def test_an_issue_is_a_ticket_with_all_that_filters_ask_for(self, site: Site) -> None:
        issue = site.peer.make(1)
        message = messages(site)[issue.id]
        assert message.kind is Kind.TICKET
        assert (message.subject, message.text) == ("Lamp 1 is broken", "The lamp 1 does not shine")
        assert (message.channel, message.labels) == ("SUP", ("lamp",))
        assert message.occurred_at == issue.created
        assert message.author is not None
        assert (message.author.kind, message.author.name) == (IdentityKind.JIRA, "Person 1")
        wanted = {"key": "SUP-1", "status": "Open", "priority": "High", "issue_type": "Bug"}
        assert wanted.items() <= message.extra.items()
        assert message.extra["url"].endswith("/browse/SUP-1")

    def test_an_address_that_the_account_shows_is_who_wrote_it(self, cloud: Site) -> None:
        cloud.peer.make(1, reporter=person(3, emailAddress="Bo@c.example"))
        author = messages(cloud)["10001"].author
        assert author is not None
        assert (author.kind, author.value) == (IdentityKind.EMAIL, "bo@c.example")

    def test_customers_write_to_us_and_apps_are_programs(self, cloud: Site) -> None:
        cloud.peer.make(1, reporter=person(3, "customer"))
        cloud.peer.make(2, reporter=person(4, "app"))
        found = messages(cloud)
        assert found["10001"].direction is Direction.INBOUND
        assert found["10002"].automatic is AutomaticClass.BOT

    def test_files_are_named(self, cloud: Site) -> None:
        cloud.peer.make(1, attachment=[{"id": "7", "filename": "lamp.png", "mimeType": "image/png", "size": 512}])
        (file,) = messages(cloud)["10001"].attachments
        assert (file.filename, file.content_type, file.size) == ("lamp.png", "image/png", 512)

    def test_the_key_changes_when_it_is_moved_and_the_item_stays(self, site: Site) -> None:
        site.peer.make(1)
        first = list(site.connector().read("messages", None))
        site.peer.issues["10001"].key = "OPS-9"
        site.peer.change("10001", project={"id": "11", "key": "OPS", "name": "Operations"})
        (moved,) = read(site, last_cursor(first))
        assert moved.native_id == "10001"
        assert messages(site)["10001"].extra["key"] == "OPS-9"

    def test_when_its_text_was_changed_is_known_and_other_changes_are_none(self, site: Site) -> None:
        site.peer.make(1)
        site.peer.change("10001", status={"name": "Done"})
        assert messages(site)["10001"].edited_at is None
        site.peer.change("10001", summary="Lamp 1 is hot")
        edited = site.peer.clock
        site.peer.change("10001", status={"name": "Open"})
        found = messages(site)["10001"].edited_at
        assert found is not None
        assert abs(found - edited) < timedelta(milliseconds=1)

    def test_what_is_changed_back_is_a_new_version(self, site: Site) -> None:
        site.peer.make(1)
        versions = []
        for name in ("Open", "Done", "Open"):
            site.peer.change("10001", status={"name": name})
            versions.append(read(site)[0].version)
        assert len(set(versions)) == 3

    def test_comments_are_renewed_by_what_they_share_with_the_issue_and_by_nothing_else(self, site: Site) -> None:
        site.peer.make(1)
        key = f"10001/{site.peer.comment('10001', 'hot')}"
        versions = []
        for name in ("Open", "Done", "Open"):
            site.peer.change("10001", status={"name": name})
            versions.append(state(site.connector().read("messages", None))[key].version)
        site.peer.comment("10001", "another")
        site.peer.change("10001", duedate="2026-12-01")
        versions.append(state(site.connector().read("messages", None))[key].version)
        assert len(set(versions[:3])) == 3
        assert versions[3] == versions[2]

    def test_a_security_level_keeps_it_and_its_comments_inside(self, site: Site) -> None:
        site.peer.make(1, security={"id": "1", "name": "Managers"})
        site.peer.comment("10001", "quietly")
        found = messages(site).values()
        assert {message.visibility for message in found} == {Visibility.INTERNAL}
        assert {message.extra["security_level"] for message in found} == {"Managers"}


class TestComments:
    def test_each_comment_is_an_item_of_the_issues_thread(self, site: Site) -> None:
        site.peer.make(1)
        one = site.peer.comment("10001", "It is hot")
        found = messages(site)
        comment = found[f"10001/{one}"]
        assert (comment.text, comment.subject, comment.parent_key) == ("It is hot", "Lamp 1 is broken", "10001")
        assert comment.thread_key == found["10001"].thread_key
        assert (comment.channel, comment.labels, comment.extra["status"]) == ("SUP", ("lamp",), "Open")
        assert comment.author is not None
        assert comment.author.name == "Person 2"

    def test_threads_of_two_sites_are_two(self, site: Site) -> None:
        site.peer.make(1)
        assert messages(site)["10001"].thread_key.endswith("/10001")
        assert site.peer.address.removeprefix("http://") in messages(site)["10001"].thread_key

    @pytest.mark.parametrize("count", [4, 5, 6, 23])
    def test_all_comments_are_read_however_many(self, site: Site, count: int) -> None:
        site.peer.make(1)
        ids = {f"10001/{site.peer.comment('10001', f'word {n}')}" for n in range(count)}
        assert state(site.connector().read("messages", None)).keys() == ids | {"10001"}
        assert {one for one, _ in site.connector().census(Window())} == ids | {"10001"}

    def test_a_comment_deleted_while_they_are_read_hides_no_other(self, site: Site) -> None:
        site.peer.make(1)
        ids = [site.peer.comment("10001", f"word {n}") for n in range(11)]
        pages = []

        def delete_first(asked: Any) -> None:
            pages.append(asked.path.endswith("/comment"))
            if sum(pages) == 1 and pages[-1]:
                del site.peer.issues["10001"].comments[0]

        site.peer.after = delete_first
        found = state(site.connector().read("messages", None)).keys()
        assert found >= {f"10001/{one}" for one in ids[1:]}

    def test_an_edited_comment_is_a_new_version_and_says_when(self, site: Site) -> None:
        site.peer.make(1)
        one = site.peer.comment("10001", "It is hot")
        first = list(site.connector().read("messages", None))
        moment = site.peer.tick()
        site.peer.issues["10001"].comments[0] |= {"body": site.peer.text("It is cold"), "updated": moment}
        site.peer.issues["10001"].fields["updated"] = moment
        second = state(site.connector().read("messages", last_cursor(first)))
        assert second[f"10001/{one}"].version != state(first)[f"10001/{one}"].version
        message = messages(site)[f"10001/{one}"]
        assert message.text == "It is cold"
        assert message.edited_at is not None

    @pytest.mark.parametrize(
        "restriction",
        [{"visibility": {"type": "role", "value": "Developers"}}, {"visibility": {"type": "group", "value": "staff"}},
         {"jsdPublic": False}],
        ids=["role", "group", "service desk"],
    )  # fmt: skip
    def test_a_restricted_comment_stays_inside(self, cloud: Site, restriction: dict[str, Any]) -> None:
        cloud.peer.make(1)
        hidden = cloud.peer.comment("10001", "for us", **restriction)
        shown = cloud.peer.comment("10001", "for all")
        found = messages(cloud)
        assert found[f"10001/{hidden}"].visibility is Visibility.INTERNAL
        assert found[f"10001/{shown}"].visibility is Visibility.PUBLIC

    def test_an_internal_note_of_data_center_is_told_by_its_property(self, data_center: Site) -> None:
        data_center.peer.make(1)
        note = [{"key": "sd.public.comment", "value": {"internal": True}}]
        hidden = data_center.peer.comment("10001", "for us", properties=note)
        assert messages(data_center)[f"10001/{hidden}"].visibility is Visibility.INTERNAL

    def test_a_comment_without_id_stops_nobody(self, cloud: Site) -> None:
        cloud.peer.make(1)
        cloud.peer.comment("10001", "first", id=None)
        cloud.peer.comment("10001", "second")
        items = list(cloud.connector().read("messages", None))
        assert len(upserts(items)) == 2
        (failure,) = [item for item in items if isinstance(item, Failure)]
        assert failure.reason
