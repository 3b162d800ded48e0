"""HTML to text: blocks become lines, quotes are marked for the splitter, link targets are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode

from opsintel.events.message import Link
from opsintel_pipeline.normalize.text import clean, clean_line, tidy

HTML_LIMIT = 2 * 1024 * 1024
"""Characters of HTML that are read; a tree takes many times its text in memory."""
NODES_LIMIT = 200_000
LINKS_LIMIT = 500

# Marks between the converter and the splitter. Clean text holds none of these characters.
QUOTE = "\x0e"
"""Begins a line that stands within a quote."""
QUOTE_REST = "\x0f"
"""Begins the line from which everything is quoted (an answered message below a divider)."""
SIGNATURE = "\x10"
"""Begins a line that stands within a signature."""

_DROPPED = frozenset({"script", "style", "head", "title", "template", "noscript", "svg", "math", "object", "iframe"})
_BLOCKS = frozenset(
    "address article aside blockquote body center dd details dir div dl dt fieldset figcaption figure footer form h1 h2 "
    "h3 h4 h5 h6 header hr li main nav ol p pre section table tr ul caption thead tbody tfoot".split()
)
_PARAGRAPHS = frozenset("p h1 h2 h3 h4 h5 h6 ul ol table blockquote pre hr dl".split())
_CELLS = frozenset({"td", "th"})
_FORMATTING = ("<a", "<b", "<i", "<u", "<s", "<em", "<font", "<big", "<tt", "<code", "<small", "<strong", "<nobr")
_FORMATTING_LIMIT = 2_000
_FORMATTING_TAG = re.compile(r"</?(?:b|i|u|s|em|font|big|tt|code|small|strong|strike|nobr|a)\b[^<>]*>", re.IGNORECASE)
_WHITE = re.compile(r"[ \t\n\r\f\u200b\u200c\u00ad\u034f]+")
_SPACES = re.compile(r"[ \t\xa0]{2,}")

_QUOTE_CLASSES = re.compile(
    r"gmail_quote|yahoo_quoted|moz-cite-prefix|protonmail_quote|zmail_extra|tutanota_quote|gmail_attr|"
    r"hmquote|WordSection_quote|mail-quote|quoted-text|front-blockquote|freshdesk_quote|missive_quote|"
    r"ydp[0-9a-f]+yahoo_quoted|quote_container|cite-block|js-parser-cut",
    re.IGNORECASE,
)
_REST_IDS = re.compile(
    r"(?:x_)*(?:divRplyFwdMsg|appendonsend|OLK_SRC_BODY_SECTION|stopSpelling|zwchr|reply-intro|mail-editor-reference-"
    r"message-container|ms-outlook-mobile-reference-message|isForwardContent|isReplyContent|oriMsgHtmlSeperator)\b",
    re.IGNORECASE,
)
_SIGNATURE_CLASSES = re.compile(
    r"gmail_signature\b|moz-signature|protonmail_signature|^signature$|ms-outlook-mobile-signature|"
    r"AppleMailSignature|mail-signature|x_Signature",
    re.IGNORECASE,
)
_FORWARD = re.compile(r"^[\s\-_]*(?:forwarded message|begin forwarded message)", re.IGNORECASE)


@dataclass(slots=True)
class HtmlText:
    """The text of a page with its marks, its links, and what was left out."""

    marked: str
    links: list[Link] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)


def html_to_text(html: str) -> HtmlText:
    """Return the text of an HTML body; lines within quotes and signatures begin with a mark."""
    defects: list[str] = []
    if len(html) > HTML_LIMIT:
        html = html[:HTML_LIMIT]
        defects.append("HTML above 2 MB was left out")
    # Unclosed formatting elements are rebuilt in every paragraph: thousands of them are a tree of millions.
    if html.count("<") > _FORMATTING_LIMIT and sum(html.lower().count(tag) for tag in _FORMATTING) > _FORMATTING_LIMIT:
        html = _FORMATTING_TAG.sub("", html)
    tree = LexborHTMLParser(html)
    body = tree.body or tree.root
    if body is None:
        return HtmlText("", defects=defects)
    writer = _Writer()
    for node, entering in _walk(body):
        writer.visit(node, entering)
        if writer.nodes > NODES_LIMIT:
            defects.append("HTML with too many elements was cut")
            break
    return HtmlText(writer.finish(), writer.links, defects)


def _walk(root: LexborNode) -> Iterator[tuple[LexborNode, bool]]:
    """Yield each node on entering and each element on leaving, without recursion; dropped elements are skipped."""
    node: LexborNode | None = root
    depth = 0
    stack: list[LexborNode] = []
    while node is not None:
        yield node, True
        child = None if node.tag in _DROPPED else node.child
        if child is not None:
            stack.append(node)
            depth += 1
            node = child
            continue
        if not node.is_text_node:
            yield node, False
        following = node.next if stack else None
        while following is None and stack:
            node = stack.pop()
            yield node, False
            following = node.next if stack else None
        node = following
