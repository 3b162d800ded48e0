"""Bytes to text when the declared charset may be wrong, unknown or missing."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

# A declared ASCII or Latin-1 is in practice windows-1252 (WHATWG encoding standard, section 4.2).
_ALIASES = {
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "ansi_x3.4-1968": "cp1252",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "euc-kr": "cp949",
    "gb2312": "gb18030",
    "gb_2312-80": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "sjis": "cp932",
    "iso-2022-jp": "iso2022_jp_ext",
    "unicode-1-1-utf-7": "utf-7",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
    "windows-31j": "cp932",
}
_NAME = re.compile(r"[A-Za-z0-9._:+-]{1,40}\Z")
# Codecs that grow their input or are no charsets at all.
_REFUSED = {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "palmos"}
# An HTML page may name its charset only in its own head.
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9._:-]{2,40})", re.IGNORECASE)
_SAMPLE = 64 * 1024
# Surrogates written as UTF-8 (CESU-8, as some databases and Java programs write emoji).
_SURROGATE = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
_SURROGATE_PAIR = re.compile(rb"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]")
_ESCAPE_JAPANESE = (b"\x1b$", b"\x1b(")


@lru_cache(maxsize=512)
def codec_of(charset: str) -> str:
    """Return the name of Python's codec for a declared charset, '' where there is none that is a text charset."""
    name = charset.strip().strip("\"'").lower()
    if not _NAME.match(name):
        return ""
    name = _ALIASES.get(name, name)
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return ""
    if not getattr(info, "_is_text_encoding", True) or info.name.replace("-", "_") in _REFUSED:
        return ""
    return info.name


def decode(data: bytes, charset: str) -> tuple[str, str]:
    """Return the text and a defect in words ('' where the declared charset fits).

    Valid UTF-8 wins over a wrong declaration, since text of another charset is hardly ever valid UTF-8 by chance.
    """
    if data.isascii() and not _needs_codec(data, charset):
        return data.decode("ascii"), ""
    codec = codec_of(charset) if charset else ""
    if codec and codec not in ("cp1252", "utf-8"):
        try:
            return data.decode(codec), ""
        except (UnicodeError, ValueError):
            return _guess(data), f"bytes do not fit the charset {charset}"
    defect = "" if codec or not charset else f"unknown charset {charset[:40]}"
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = _guess(data)
        return text, defect or ("bytes do not fit the charset utf-8" if codec == "utf-8" else "")
    return text, defect or ("" if codec == "utf-8" or not charset else f"UTF-8 under the name of {charset[:40]}")


def charset_of_html(data: bytes) -> str:
    """Return the charset that an HTML page names in its head, '' where it names none."""
    found = _META_CHARSET.search(data, 0, 4096)
    return found.group(1).decode("ascii") if found else ""


def _needs_codec(data: bytes, charset: str) -> bool:
    """Tell whether ASCII bytes mean something else in this charset (escapes of ISO-2022, UTF-7, UTF-16, HZ)."""
    name = charset.lower()
    return name.startswith(("iso-2022", "utf-7", "utf7", "utf-16", "utf-32", "hz", "unicode-1-1")) or (
        b"\x1b" in data and any(mark in data for mark in _ESCAPE_JAPANESE)
    )


def _guess(data: bytes) -> str:
    """Return text from bytes of which the charset is unknown; undefined bytes become U+FFFD."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    if any(mark in data for mark in _ESCAPE_JAPANESE):
        try:
            return data.decode("iso2022_jp_ext")
        except UnicodeError:
            pass
    # A sample tells: mostly UTF-8 with a few broken bytes (a cut character, one pasted byte) stays UTF-8.
    if _SURROGATE.search(data):
        data = _SURROGATE_PAIR.sub(_joined, data)
        data = _SURROGATE.sub(b"", data)
    sample = data[:_SAMPLE].decode("utf-8", "replace")
    wrong = sample.count("\ufffd")
    valid = sum(1 for character in sample if character > "\x7f") - wrong
    return data.decode("utf-8-sig" if valid > wrong or not wrong else "cp1252", "replace")


def _joined(found: re.Match[bytes]) -> bytes:
    """Return the character that a pair of surrogates stands for."""
    pair = found.group().decode("utf-8", "surrogatepass")
    return pair.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode("utf-8")
