"""Built-in analyser: whole analyses a CPU second, against TF-IDF and logistic regression of bare scikit-learn.

Ours finds kind, severity, sentiment, entities, action items and the rest by rules, and the category by the nearest
described and corrected examples, with its confidence. The peer finds the category alone, from the same corrections.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from bench.measure import Spread, by_size, in_turns, usage
from bench.report import Bound, Line, Report, compared, grown
from bench.texts import Text, texts
from bench.workplace import Workplace
from opsintel.embeddings.lexical import LexicalEmbedder
from opsintel.learning.categories import Category, Learner
from opsintel_pipeline.analyze.message import MessageView
from opsintel_pipeline.analyze.rules import analyze

SIZES = (50, 500, 5_000)
MAIN = 500
FITTED = 3_000
PROBLEMS = 40
CORRECTIONS = 10
ROUNDS = 5
LEAST, AIM = 200, 1_000
OURS, PEER = "ours", "category alone by scikit-learn"


def run(workplace: Workplace) -> Report:
    """Measure messages a CPU second at the middle size, and the CPU by number of messages."""
    del workplace
    known = list(texts(FITTED, PROBLEMS))
    fresh = list(texts(max(SIZES), PROBLEMS, seed=1))
    corrected = [text for number, text in enumerate(known) if _place_among_its_own(known, number) < CORRECTIONS]
    ours, peer = _ours(known, corrected), _peer(corrected)

    def rate(work: Callable[[list[Text]], Any]) -> float:
        return MAIN / _cpu(lambda: work(fresh[:MAIN]))

    values = in_turns({OURS: lambda: rate(ours), PEER: lambda: rate(peer)}, ROUNDS)
    growth = by_size(lambda size: _cpu(lambda: ours(fresh[:size])), SIZES, 2)
    return Report(
        [
            Line(f"{MAIN:,} messages", "messages/CPU-s", Spread.of(values[OURS]), bound=Bound(LEAST, AIM)),
            compared(f"{MAIN:,} messages", "messages/CPU-s", values, ours=OURS, peer=PEER),
        ],
        [grown("analysing by number of messages", "CPU-s", growth)],
        ["The peer does a small part of the work; docs/learning.md compares how often both are right."],
    )


def _ours(known: list[Text], corrected: list[Text]) -> Callable[[list[Text]], Any]:
    bodies = [text.body for text in known]
    learner = Learner.of(LexicalEmbedder.fit(bodies, [text.language for text in known]), bodies)
    categories = [Category(f"problem {number}") for number in sorted({text.problem for text in corrected})]
    names = [f"problem {text.problem}" for text in corrected]
    model = learner.learn(categories, learner.features([text.body for text in corrected]), names)

    def work(messages: list[Text]) -> Any:
        found = [
            analyze(MessageView(text.subject, text.body, text.language, None, False, "inbound", "email"))
            for text in messages
        ]
        return found, model.guess(learner.features([text.body for text in messages]))

    return work


def _peer(corrected: list[Text]) -> Callable[[list[Text]], Any]:
    fitted = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10))
    fitted.fit([text.body for text in corrected], [text.problem for text in corrected])
    return lambda messages: fitted.predict_proba([text.body for text in messages])


def _place_among_its_own(known: list[Text], number: int) -> int:
    return sum(text.problem == known[number].problem for text in known[:number])


def _cpu(work: Callable[[], Any]) -> float:
    with usage() as used:
        work()
    return used.cpu
