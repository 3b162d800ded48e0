"""Issues from day to day: ids last, decisions are permanent, a re-run changes nothing."""

from uuid import UUID

import numpy as np
import pytest

from opsintel.embeddings.lexical import LexicalEmbedder, rounded
from opsintel.ids import derived_id
from opsintel_pipeline.issues.assign import consolidate, day_step
from opsintel_pipeline.issues.cluster import cluster, nearest
from opsintel_pipeline.issues.simulation import simulate
from opsintel_pipeline.issues.state import Constraint, KnownIssue, TenantState

PROBLEMS = {
    "hub": ["hub", "router", "wifi", "offline", "connection", "pairing", "network", "reset"],
    "refund": ["refund", "money", "charged", "card", "bank", "payment", "invoice", "twice"],
    "parcel": ["parcel", "courier", "delivery", "tracking", "doorstep", "lost", "shipment", "neighbour"],
    "login": ["password", "login", "code", "email", "account", "reset", "locked", "verification"],
}


def sentences(problem: str, count: int, seed: int) -> list[str]:
    """Sentences of words of one problem, mixed with words that tell nothing."""
    random = np.random.default_rng([seed, sum(map(ord, problem))])
    filler = ["please", "my", "again", "today", "since", "the", "not", "with", "help", "still"]
    return [
        " ".join([*random.choice(PROBLEMS[problem], 5, replace=False), *random.choice(filler, 4, replace=False)])
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def embedder() -> LexicalEmbedder:
    return rounded(LexicalEmbedder.fit([text for problem in PROBLEMS for text in sentences(problem, 40, 1)]))


def day(embedder: LexicalEmbedder, number: int, per_problem: int = 8) -> tuple[dict[UUID, np.ndarray], dict[UUID, str]]:
    texts = [(problem, text) for problem in PROBLEMS for text in sentences(problem, per_problem, number)]
    ids = [derived_id("day", str(number), str(place)) for place in range(len(texts))]
    vectors = embedder.embed([text for _, text in texts])
    return dict(zip(ids, vectors, strict=True)), {i: problem for i, (problem, _) in zip(ids, texts, strict=True)}


def issue_of(state: TenantState) -> dict[UUID, UUID]:
    return {message_id: issue.id for issue in state.issues for message_id in issue.members}


class TestDayStep:
    def test_messages_of_one_problem_share_an_issue_and_ids_last(self, embedder: LexicalEmbedder) -> None:
        state, truth = TenantState([]), {}
        before: dict[UUID, UUID] = {}
        for number in range(2, 8):
            messages, problems = day(embedder, number)
            truth |= problems
            day_step(state, messages)
            now = issue_of(state)
            kept = sum(now.get(message_id) == issue_id for message_id, issue_id in before.items())
            if number > 4:  # the first days settle what the problems are
                assert kept >= 0.95 * len(before)
            before = now
        majorities = {
            issue.id: max(PROBLEMS, key=lambda p, i=issue: sum(truth[m] == p for m in i.members))
            for issue in state.issues
        }
        right = sum(majorities[issue_id] == truth[message_id] for message_id, issue_id in before.items())
        assert right / len(truth) > 0.9
        assert len(state.issues) <= 2 * len(PROBLEMS)

    def test_a_rerun_of_a_day_changes_nothing(self, embedder: LexicalEmbedder) -> None:
        state = TenantState([])
        messages, _ = day(embedder, 2)
        day_step(state, messages)
        before = issue_of(state)
        result = day_step(state, messages)
        assert issue_of(state) == before
        assert result.memberships == []

    def test_the_same_input_gives_the_same_issues(self, embedder: LexicalEmbedder) -> None:
        groupings = []
        for _ in range(2):
            state = TenantState([])
            for number in (2, 3):
                day_step(state, day(embedder, number)[0])
            groupings.append(sorted(sorted(map(str, issue.members)) for issue in state.issues))
        assert groupings[0] == groupings[1]

    def test_every_membership_says_why(self, embedder: LexicalEmbedder) -> None:
        result = day_step(TenantState([]), day(embedder, 2)[0])
        assert result.memberships
        for membership in result.memberships:
            assert membership.method in ("cluster", "centroid")
            assert 0 <= membership.distance <= 1.5
            assert membership.runner_up != membership.issue_id

    def test_a_message_alone_waits_for_company(self, embedder: LexicalEmbedder) -> None:
        state = TenantState([])
        texts = sentences("parcel", 2, 77)
        first, second = (derived_id("alone", str(place)) for place in range(2))
        vectors = embedder.embed(texts)
        assert day_step(state, {first: vectors[0]}).unassigned == [first]
        day_step(state, {second: vectors[1]})
        now = issue_of(state)
        assert now[first] == now[second]

    def test_days_still_to_come_are_company_and_are_not_decided_on(self, embedder: LexicalEmbedder) -> None:
        state = TenantState([])
        first, second = (derived_id("company", str(place)) for place in range(2))
        vectors = embedder.embed(sentences("parcel", 2, 77))
        result = day_step(state, {first: vectors[0]}, later={second: vectors[1]})
        assert [membership.message_id for membership in result.memberships] == [first]
        assert issue_of(state).keys() == {first}
        day_step(state, {second: vectors[1]})
        assert issue_of(state)[second] == issue_of(state)[first]

    def test_followers_join_what_is_near_and_form_nothing(self, embedder: LexicalEmbedder) -> None:
        state = TenantState([])
        talk = {
            derived_id("talk", problem): vector
            for problem, vector in zip(PROBLEMS, embedder.embed([" ".join(w) for w in PROBLEMS.values()]), strict=True)
        }
        assert day_step(state, {}, followers=talk).memberships == []
        messages, problems = day(embedder, 2)
        day_step(state, {m: v for m, v in messages.items() if problems[m] == "hub"}, followers=talk)
        now = issue_of(state)
        assert [message_id in now for message_id in talk] == [True, False, False, False]

    def test_an_issue_of_two_problems_is_split_once_the_days_tell_them_apart(self, embedder: LexicalEmbedder) -> None:
        messages, truth = day(embedder, 2)
        mixed = {m: v for m, v in messages.items() if truth[m] in ("hub", "refund")}
        issue = KnownIssue(derived_id("mixed"), np.sum(list(mixed.values()), axis=0), len(mixed), dict(mixed))
        state = TenantState([issue])
        more, problems = day(embedder, 3)
        result = day_step(state, {m: v for m, v in more.items() if problems[m] in ("hub", "refund")})
        now = issue_of(state)
        groups = {problem: {now[m] for m in mixed if truth[m] == problem} for problem in ("hub", "refund")}
        assert not groups["hub"] & groups["refund"]
        assert {m.method for m in result.memberships} == {"cluster", "move"}


class TestConstraints:
    def test_what_a_person_put_apart_stays_apart(self, embedder: LexicalEmbedder) -> None:
        messages, truth = day(embedder, 2)
        one, other = [message_id for message_id in messages if truth[message_id] == "hub"][:2]
        state = TenantState([], constraints=[Constraint(derived_id("c"), False, one, other)])
        for number in (2, 3, 4):
            day_step(state, day(embedder, number)[0])
            consolidate(state)
            now = issue_of(state)
            assert now.get(one) != now.get(other) or now.get(one) is None

    def test_what_a_person_put_together_stays_together(self, embedder: LexicalEmbedder) -> None:
        messages, truth = day(embedder, 2)
        hub = next(message_id for message_id in messages if truth[message_id] == "hub")
        refund = next(message_id for message_id in messages if truth[message_id] == "refund")
        state = TenantState([], constraints=[Constraint(derived_id("c"), True, hub, refund)])
        result = day_step(state, messages)
        day_step(state, day(embedder, 3)[0])
        now = issue_of(state)
        assert now[hub] == now[refund]
        assert [m.decided_by for m in result.memberships if m.message_id == refund] == [derived_id("c")]


class TestClustering:
    @pytest.mark.parametrize("size", [0, 1, 2, 3, 5, 17])
    def test_works_at_any_size(self, size: int) -> None:
        vectors = np.eye(max(size, 1), 32, dtype=np.float32)[:size]
        assert len(cluster(vectors)) == size

    def test_texts_without_words_stand_alone(self) -> None:
        vectors = np.zeros((6, 8), np.float32)
        vectors[:3, 0] = 1
        assert cluster(vectors).tolist() == [0, 0, 0, 1, 2, 3]

    def test_neighbours_are_the_nearest_in_order(self) -> None:
        vectors = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
        places, similarities = nearest(vectors, 5)
        whole = vectors @ vectors.T
        np.fill_diagonal(whole, -np.inf)
        np.testing.assert_allclose(similarities, np.sort(whole, axis=1)[:, ::-1][:, :5], rtol=1e-5)
        assert all(row not in places[row] for row in range(50))


class TestSimulation:
    def test_finds_planted_problems(self) -> None:
        texts = [text for problem in PROBLEMS for text in sentences(problem, 60, 5)]
        labels = [problem for problem in PROBLEMS for _ in range(60)]
        score = simulate(texts, labels, days=10, seed=0)
        assert score.ari > 0.7
        assert score.stability > 0.9
        assert (score.rows, score.labels) == (240, 4)
