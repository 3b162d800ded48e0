"""Texts that want to be more than text: for terminals, log files, headers, browsers and disks."""

from __future__ import annotations

CONTROLS = {
    "line feed": "a\nERROR forged line",
    "return": "a\rERROR forged line",
    "both": "a\r\n\r\n<script>alert(1)</script>",
    "escape": "\x1b[2J\x1b[31mred\x1b[0m",
    "title": "\x1b]0;owned\x07",
    "c1": "\x9b31mred\x85next",
    "backspace": "good\x08\x08\x08\x08evil",
    "nul": "a\x00b",
    "delete": "a\x7fb",
    "separators": "a\u2028b\u2029c",
    "override": "user\u202egpj.exe",
    "isolates": "\u2066a\u2067b\u2068c\u2069",
    "marks": "a\u200eb\u200fc\u061cd",
    "unseen": "a\u200bb\u2060c\ufeffd\U000e0041",
    "surrogate": "a\ud800b",
}
STEERING = frozenset(
    [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200B, 0x200E, 0x200F, *range(0x2028, 0x202F),
     *range(0x2060, 0x206A), *range(0xD800, 0xE000), 0xFEFF, *range(0xE0000, 0xE0080))]
)  # fmt: skip

SCRIPTS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "</title><script>alert(1)//",
    "[click](javascript:alert(1))", "![x](https://evil.example/?a)", "<a href='javascript:alert(1)'>x</a>",
    "\"><script>alert(1)</script>", "{{constructor.constructor('alert(1)')()}}", "<iframe srcdoc='<script>'>",
    "<math><mtext></table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "\u2028<script>alert(1)</script>", "<!--<img src='--><img src=x onerror=alert(1)//'>",
]  # fmt: skip

_RUN = ["javascript:alert(1)", "vbscript:msgbox(1)", "data:text/html,<script>alert(1)</script>",
        "data:text/html;base64,PHNjcmlwdD4=", "file:///etc/passwd", "blob:https://x/1", "about:blank",
        "intent://x#Intent;end", "view-source:http://x", "jar:http://x!/", "livescript:x", "mocha:x", "ms-msdt:/id x",
        "search-ms:query=x", "ldap://x", "chrome://settings", "feed:javascript:alert(1)", "filesystem:http://x/",
        "ws://x", "gopher://x"]  # fmt: skip
_SPELLED = [
    "{}",
    "  {}",
    "\t{}",
    "\n{}",
    "\x01{}",
    "\x00{}",
    "\ufeff{}",
    "\u00a0{}",
    "\u200b{}",
    "\u2028{}",
    "\\{}",
    "//{}",
]
_WITHIN = ["java\tscript:alert(1)", "java\nscript:alert(1)", "java\rscript:alert(1)", "java\x00script:alert(1)",
           "j\u200bavascript:alert(1)", "JaVaScRiPt:alert(1)", "javascript\t:alert(1)", "javascript&colon;alert(1)",
           "javascript&#58;alert(1)", "&#106;avascript:alert(1)", "&#x6A;avascript:alert(1)",
           "java&Tab;script:alert(1)", "ｊavascript:alert(1)",
           "java&NewLine;script:alert(1)", "&#0000106avascript:alert(1)", "javascript%3Aalert(1)",
           "javaſcript:alert(1)", "http\n:javascript:alert(1)", "ht\ttps:javascript:1", "http:javascript:alert(1)",
           "https:/\\evil", "//evil.example", "\\\\evil\\share", "http&colon;//x",
           "javascript://https://x/%0aalert(1)"]  # fmt: skip
LINKS = [*(spelled.format(link) for spelled in _SPELLED for link in _RUN), *_WITHIN]
"""Addresses that nothing may show as a link."""
