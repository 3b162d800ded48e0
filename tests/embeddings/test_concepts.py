"""The thesaurus: every entry is found as it stands, longer phrases win, endings are free where a star says so."""

import tomllib
from importlib import resources

import pytest

from opsintel.embeddings.concepts import thesaurus
from opsintel.embeddings.words import masked, words_of


def names(text: str) -> list[str]:
    known = thesaurus()
    return [known.names[place] for place in known.concepts_of(words_of(masked(text)))]


def entries() -> list[tuple[str, str]]:
    content = resources.files("opsintel.embeddings").joinpath("concepts.toml").read_text(encoding="utf-8")
    return [
        (concept, entry)
        for concept, languages in tomllib.loads(content).items()
        for listed in languages.values()
        for entry in listed
    ]


class TestThesaurus:
    def test_speaks_three_languages_about_every_concept(self) -> None:
        content = resources.files("opsintel.embeddings").joinpath("concepts.toml").read_text(encoding="utf-8")
        assert all(set(languages) == {"en", "de", "es"} for languages in tomllib.loads(content).values())

    def test_finds_every_entry(self) -> None:
        lost = [(concept, entry) for concept, entry in entries() if not names(entry.rstrip("*"))]
        assert lost == []

    @pytest.mark.parametrize(
        "text", ["Please refund me", "I want to be reimbursed", "Ich will eine Erstattung", "Pido el reembolso"]
    )
    def test_joins_words_and_languages(self, text: str) -> None:
        assert "refund" in names(text)

    def test_a_phrase_hides_what_lies_within_it(self) -> None:
        assert names("twice") == ["duplicate"]
        assert names("they charged twice") == ["double_charge"]

    def test_says_nothing_of_other_words(self) -> None:
        assert names("zxcv qwer") == []
