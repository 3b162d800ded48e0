"""Titles of issues: the phrase its members share that is least common elsewhere, else the most typical member's own."""

from __future__ import annotations

import re

import numpy as np

LEAST_COVERAGE = 0.3
LONGEST_PHRASE = 5
MAX_TEXTS = 200
TITLE_LENGTH = 80

_WORD = re.compile(r"[^\W\d_][\w'’-]*|[.,;:!?()\n]")
_PRIVATE = re.compile(r"\S+@\S+|https?://\S+|\b\S*\d\S*\b|<[^>]*>")
_STOP = frozenset(
    ["(_score(p,", "(lower", "(their", ")", "+", "+=", ",", "->", ".join(_PRIVATE.sub(", ".join(part)", ".join(part).lower(),", "/", "0.0", "0.0)", "1", "1):", "2", "3))", "5", ":", "<", "=", ">=", "@", "@dataclass(frozen=True,", "A", "Counter()", "Counter())[written]", "Counter[str]", "Counter[str],", "Counter[str]]", "Iterator[tuple[str,", "LEAST_COVERAGE", "LONGEST_PHRASE", "MAX_TEXTS)", "Return", "Sequence[str],", "The", "Title(_sentence_case(redacted(headlines[example]))", "Title(_sentence_case(written),", "Title:", "Untitled", "Vectors,", "Yield", "[", "[match.group()", "]", "_STOP", "_WORD.finditer(redacted(headline)[:300])]", "`background`", "`total`", "`vectors`", "a", "aber", "addresses,", "again", "al", "als", "am", "an", "and", "any", "are", "as", "at", "auch", "auf", "aus", "background:", "background[p]", "be", "been", "bei", "best", "best:", "bitte", "break", "but", "by", "can", "case,", "centroid", "centroid.", "class", "codes.", "como", "con", "continue", "could", "counts,", "counts:", "counts[best]", "counts[p]", "counts[phrase]", "coverage", "coverage:", "cuando", "cuándo", "cómo", "danke", "das", "dass", "de", "dear", "def", "default=", "del", "dem", "den", "der", "des", "desde", "dict(phrases_of(headline)).items():", "dict[str,", "did", "die", "do", "does", "du", "each", "ein", "eine", "einem", "einen", "einer", "either", "el", "ella", "else", "en", "end.", "er", "es", "example", "example,", "example:", "favor", "float", "for", "from", "fue", "für", "get", "got", "gracias", "grüße", "ha", "habe", "haben", "had", "hallo", "han", "has", "hat", "have", "he", "headline", "headline:", "headlines", "headlines,", "headlines[:MAX_TEXTS]:", "hello", "her", "here", "hi", "hola", "how", "i", "ich", "if", "ihr", "ihre", "im", "in", "int", "int(nearness.argmax())", "int)", "into", "is", "issue", "ist", "it", "it,", "its", "just", "kein", "keine", "key=lambda", "la", "las", "le", "len(part)", "length", "length]", "les", "liebe", "links,", "lo", "los", "made", "many", "match", "max(1,", "max(counts,", "me", "medoid", "mein", "meine", "meinen", "member", "members", "members'", "members,", "method:", "mi", "mich", "min(len(headlines),", "mir", "mis", "mit", "most", "muy", "my", "más", "nach", "nearest", "nearness", "nicht", "no", "noch", "nos", "nosotros", "not", "nuestra", "nuestro", "numbers", "nur", "o", "occurs.", "oder", "of", "on", "one", "or", "order", "our", "out", "over", "p),", "p:", "para", "part", "part[-1].lower()", "part[-1][0].isalpha():", "part[0].lower()", "part[0][0].isalpha():", "pero", "phrase", "phrase,", "phrase.", "phrases_of(headline:", "please", "por", "que", "qué", "range(1,", "range(len(words)):", "redacted(text:", "regards", "return", "round(coverage,", "schon", "se", "seit", "share", "she", "si", "sie", "sind", "slots=True)", "so", "some", "son", "spelling.setdefault(phrase,", "spelling:", "spelling[best].most_common(1)[0][0]", "start", "still", "stop", "str", "str)", "str:", "str]]:", "su", "sus", "tenant,", "text)", "text:", "thank", "thanks", "that", "the", "their", "them", "then", "there", "they", "this", "title", "title,", "title_for(headlines:", "to", "too", "total)),", "total:", "typical,", "tú", "un", "una", "unas", "und", "unit", "unos", "uns", "unser", "unsere", "up", "us", "vectors", "vectors).", "vectors.mean(axis=0)", "vectors:", "von", "wann", "war", "warum", "was", "we", "wenn", "were", "what", "when", "which", "who", "why", "wie", "will", "wir", "wird", "with", "without", "word", "words", "words,", "words[start", "would", "written", "written)", "y", "ya", "yield", "yo", "you", "your", "zu", "zum", "zur", "{}", "él"]
)


def _score(phrase: str, coverage: float, common: float) -> float:
    words = phrase.count(" ") + 1
    return float(coverage * np.sqrt(words) * np.log(1 + coverage / (common + 0.002)))


def _sentence_case(text: str) -> str:
    text = text.strip(" -–:;,.")
    if len(text) > TITLE_LENGTH:
        text = text[: TITLE_LENGTH - 1].rsplit(" ", 1)[0] + "…"
    return text[:1].upper() + text[1:]
