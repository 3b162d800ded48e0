"""A machine's line without its values: times, numbers, addresses, paths, names of hosts, what is quoted or assigned.

What says how bad a line is stays: words of severity, state and negation wherever they stand, also within a value; codes
("status: 500", "exit code 1"); and of a count of failures whether it is zero. Every value is masked alike, so that a
host by name and a host by number give one template. Each pattern reads a character a bounded number of times.
"""

from __future__ import annotations

import re

from opsintel_pipeline.analyze.templates.meaning import CUES, FAILURE, MEANINGFUL, MEANINGFUL_FIELDS, MEANINGFUL_WITHIN

VALUE = "\x00"
"""Stands for a value in a template; it is in no message (PostgreSQL's text has none)."""

_WEEKDAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_TOP_LEVEL = (
    "com|net|org|edu|gov|mil|int|info|biz|arpa|io|dev|app|cloud|local|localdomain|lan|internal|intranet|corp|home"
    "|test|example|invalid|localhost|eu|de|fr|uk|nl|ch|pl|cz|se|dk|fi|es|pt|gr|hu|ro|bg|hr|sk|ua|ru|tr|cn|hk|jp|kr|tw|sg|th"
    "|vn|ph|au|nz|br|ar|mx|cl|za|ca"
)
"""Top-level domains that are no word of English and no usual last part of a dotted name ("task.id", "this.is")."""

_EXTENSION = (
    "bak|bat|bin|c|cc|cfg|class|conf|config|cpp|crt|csv|dat|db|dll|dmg|doc|docx|drv|dylib|exe|gz|h|htm|html|ini|iso|jar|java"
    "|jpeg|jpg|js|json|kext|key|ko|lock|log|md|msi|pdf|pem|php|pid|pl|plist|png|properties|ps1|py|rb|rpm|service|sh|so|sock"
    "|socket|sql|sqlite|swp|sys|tar|tgz|tmp|toml|ts|txt|war|xls|xlsx|xml|yaml|yml|zip"
)
"""Endings of names of files, and of systemd's units."""

_MASK = re.compile(
    rf"""
    (?P<url> (?<!\w)[A-Za-z][A-Za-z0-9+.-]{{1,15}}://[^\s"'<>\])}},;\x00]++ )
  | (?P<json> "[\w.-]{{1,60}}"\s?:\s? )
  | (?P<assigned> (?<![\w.-])(?P<name>[A-Za-z_][\w.-]*+)=(?P<given>"[^"\n\x00]{{0,200}}"|[^\s,;)\]}}"'\x00]*+) )
  | (?P<mail> (?<![\w.+-])[\w.+-]{{1,64}}@[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,8}} )
  | (?P<mention> (?<![\w.@])@[\w.-]{{1,64}} )
  | (?P<date> (?<!\w)(?:{_WEEKDAY},?\s+)?(?:\d{{1,2}}\s+{_MONTH}|{_MONTH}\s+\d{{1,2}})(?!\w)(?:,?\s+\d{{4}}(?![\w:]))?
            | (?<!\w){_WEEKDAY},?\s+(?=\d) )
  | (?P<quoted> (?<!\w)(?:"[^"\s\x00]{{1,120}}"|'[^'\s\x00]{{1,120}}'|`[^`\s\x00]{{1,120}}`
              |"(?=[^"\x00]*\s)[^"\x00=:/]{{1,80}}"|“[^”\x00]{{1,80}}”|«[^»\x00]{{1,80}}»
              |„[^“\x00]{{1,80}}“|「[^」\x00]{{1,80}}」)(?!\w) )
  | (?P<path> (?<![\w.<>])(?:[A-Za-z]:|~)?(?:[\\/][\w.$@%+~\#:&,=*-]++)++[\\/]?  | (?<![\w.<>])/(?=\s|$) )
  | (?P<code> (?<![A-Za-z])(?:(?:status|code|errno|exit|error|reason|HTTP(?:/\d(?:\.\d)?"?)?)
              [\s:=\#(\[]{{1,3}}(?:-?\d{{1,5}}|0x[0-9A-Fa-f]{{1,8}})
            | (?:level|severity|priority|state|signal)[\s:=\#(\[]{{1,3}}\d{{1,2}})(?![\w.:/%-]) )
  | (?P<catalogue> (?<![\w-])[A-Z]{{2,8}}-\d{{3,6}}(?=:) )
  | (?P<failures> (?<![\w.:-])\d++(?=\s(?:\w{{1,20}}\s)?{FAILURE}(?!\w)) )
  | (?P<failed> (?<![A-Za-z]){FAILURE}[\s:]{{1,3}}\d++(?![\w.:/-]) )
  | (?P<address> (?<![\w:.])(?:[0-9A-Fa-f]{{0,4}}:){{2,15}}
              (?:[0-9A-Fa-f]{{1,4}}(?![\w:]|\.\d)|\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?!\w)) )
  | (?P<host> (?<![\w.$-])(?:[A-Za-z0-9_][\w-]{{0,62}}\.){{1,8}}(?:{_TOP_LEVEL})(?![\w-])(?!\.\w)(?::\d{{1,5}})? )
  | (?P<package> (?<![\w.$-])(?:com|org|net|io|java|javax|edu|gov|sun|dev|de|cn)(?:\.[\w$-]++){{2,}}+(?:/[\w.$-]++)? )
  | (?P<file> (?<![\w.$-])(?:[\w$-]++\.){{1,4}}(?:{_EXTENSION})(?![\w-])(?!\.\w) )
  | (?P<hexadecimal> (?<![\w$.-])[0-9A-Fa-f]{{8,}}+(?![\w-]) )
  | (?P<digits> (?<![\w$.-])[\#+-]?[A-Za-z_$.-]*+\d[\w$./@%+\#~°-]*+(?::\d[\w$./@%+\#~-]*+)*+ )
    """,
    re.VERBOSE,
)
_UNIT = re.compile(
    r"\x00\s?(?:[KMGT]i?B|[kKMGT]?bytes?|B|ms|msecs?|milliseconds?|us|microseconds?|ns|secs?|seconds?|mins?|minutes?|hours?"
    r"|days?|%|€|£|¥|元|円|EUR|USD|GBP|CHF|JPY|[AP]M|UTC|GMT|[CEMP][SD]T|CEST|EET|WET|BST)(?!\w)"
)
_COUNT = re.compile(r"(?P<whole>\d{1,9})(?:\.\d{1,6})?%?")
_REMAINING = re.compile(r"\s?(?:days?|hours?|d|h|Tage?n?|Stunden?)(?!\w)")
_LEFT = re.compile(r"(?:\b(?:in|within|noch)\s|left|remain|verbleib)", re.IGNORECASE)
_FEW = 8
"""Days or hours under which little is left."""
_NUMBERED = CUES - {"at", "by", "for", "from", "on", "via"}
"""Nouns after which a number is a name: "node 0", "account 0"."""
_MEASURE = re.compile(
    r"\s?(?:[KMGT]i?B|[kKMGT]?bytes?|B|[mun]s|m?secs?|(?:milli|micro|nano)?seconds?|mins?|minutes?|hours?|days?|[€£¥]|EUR|USD"
    r"|GBP|CHF|JPY|[AP]M)(?!\w)|[,:/+-]|\s\d"
)
"""After a zero that is no count: a unit, or more of a number."""
_CURRENCY = re.compile(r"(?<!\w)(?:[$€£¥]|EUR|USD|GBP|CHF|JPY)\s?\x00")
_RUN = re.compile(r"\x00(?:[ ,:./+-]{0,3}\x00)++")
_PART = re.compile(r"[A-Za-z]+(?:'t)?")
_THROWN = ("Exception", "Error", "Failure", "Fault")
"""Endings of names of classes that say what went wrong."""
_ABSENT = frozenset(("", "null", "nil", "none", "n/a", "-"))
_SHORT_CODE = re.compile(r"-?\d{1,5}|0x[0-9A-Fa-f]{1,8}")
_ENDS_LIKE_FAILURE = re.compile(rf"{FAILURE}$", re.IGNORECASE)


def mask_values(text: str) -> str:
    """Return the text on one line, its words one space apart, with `VALUE` for each value."""
    masked = _MASK.sub(_masked, " ".join(text.replace(VALUE, " ").split()))
    return _RUN.sub(VALUE, _CURRENCY.sub(VALUE, _UNIT.sub(VALUE, masked)))


def _masked(match: re.Match[str]) -> str:
    kind = match.lastgroup
    found = match.group()
    if match["assigned"] is not None:
        return f"{match['name']}={_given(match['name'], match['given'])}"
    if match["failures"] is not None:
        return _whether_zero(found)
    if match["failed"] is not None:
        words = found.rstrip("0123456789")
        return words + _whether_zero(found[len(words) :])
    if kind in ("json", "code", "catalogue"):
        return found
    if kind in ("mail", "mention", "host", "date", "address"):
        return VALUE
    if kind == "package" and found.endswith(_THROWN):
        return found
    if kind == "digits" and (count := _COUNT.fullmatch(found)):
        return _how_many(int(count["whole"]), match, is_share="%" in found)
    return _value(found, MEANINGFUL if kind == "quoted" else MEANINGFUL_WITHIN)


def _how_many(count: int, match: re.Match[str], *, is_share: bool) -> str:
    """Return a mask that says of a count whether it is none, and of a share or time left whether it is extreme."""
    after = match.string[match.end() : match.end() + 24]
    if is_share or after.startswith(("%", " %")):
        return str(count) if count in (0, 100) else _share_of(count)
    if _REMAINING.match(after) and _LEFT.search(match.string[max(0, match.start() - 8) : match.start()] + after):
        return "0" if count == 0 else f"{VALUE}<few>" if count < _FEW else VALUE
    if match.group() != "0" or _MEASURE.match(after):
        return VALUE
    before = match.string[max(0, match.start() - 24) : match.start()].split()
    return VALUE if before and before[-1].lower() in _NUMBERED else "0"


def _share_of(count: int) -> str:
    return f"{VALUE}<low>" if count < 10 else f"{VALUE}<high>" if count > 90 else VALUE


def _given(name: str, value: str) -> str:
    """Return what stays of a value that is assigned to a name."""
    if name.lower().rpartition(".")[2] in MEANINGFUL_FIELDS and _says_something(value):
        return value
    if _ENDS_LIKE_FAILURE.search(name) and (value.isdecimal() or value.lower() in _ABSENT):
        return _whether_zero(value)
    return _value(value, MEANINGFUL)


def _says_something(value: str) -> bool:
    return not any(character.isdigit() for character in value) or _SHORT_CODE.fullmatch(value.strip('"')) is not None


def _value(value: str, meaningful: frozenset[str]) -> str:
    """Return a mask with the meaningful words of the value: "job-failed-17" is no "job-started-17"."""
    kept = [word for word in _PART.findall(value) if word.lower() in meaningful]
    return f"{VALUE}<{' '.join(kept)}>" if kept else VALUE


def _whether_zero(count: str) -> str:
    return "0" if count.lower() in _ABSENT or not count.strip("0") else VALUE
