"""HTML to text: blocks become lines, quotes are marked for the splitter, link targets are kept."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode

from opsintel.events.message import Link, is_link
from opsintel_pipeline.normalize.html_bombs import is_bomb, without_tags
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
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "center",
        "dd",
        "details",
        "dir",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tr",
        "ul",
        "caption",
        "thead",
        "tbody",
        "tfoot",
    ]  # fmt: skip
)
_PARAGRAPHS = frozenset(["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "pre", "hr", "dl"])
_CELLS = frozenset({"td", "th"})
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
_HIDDEN = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all", re.IGNORECASE)


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
    if is_bomb(html):
        return HtmlText(without_tags(html), defects=[*defects, "HTML nested too deep: read without its structure"])
    tree = LexborHTMLParser(html)
    body = tree.body or tree.root
    if body is None:
        return HtmlText("", defects=defects)
    writer = _Writer()
    if not writer.walk(body):
        defects.append("HTML with too many elements was cut")
    text = writer.text()
    if not text and tree.head is not None:
        # Broken pages hold their only text in a title that was never closed.
        text = tidy(clean(tree.head.text(deep=True)))
    return HtmlText(text, writer.links, defects)


class _Writer:
    """Walks a tree without recursion and writes its lines."""

    def __init__(self) -> None:
        self.links: list[Link] = []
        self._lines: list[str] = []
        self._line: list[str] = []
        self._quotes = 0
        self._signatures = 0
        self._preformatted = 0
        self._rest = False
        self._rest_pending = False
        self._forwarded = False

    def text(self) -> str:
        """Return what was written so far."""
        self._break()
        return tidy("\n".join(self._lines))

    def walk(self, root: LexborNode) -> bool:
        """Write the tree under `root`; False when it has too many nodes and was cut."""
        stack: list[tuple[LexborNode, str]] = []
        node: LexborNode | None = root
        for _ in range(NODES_LIMIT):
            if node is None:
                return True
            role = self._enter(node)
            child = node.child if role != "skip" else None
            if child is not None:
                stack.append((node, role))
                node = child
                continue
            self._leave(node, role)
            following = node.next if stack else None
            while following is None and stack:
                node, role = stack.pop()
                self._leave(node, role)
                following = node.next if stack else None
            node = following
        return False

    def _enter(self, node: LexborNode) -> str:
        """Write what stands before an element's content; return the role it plays until it is left."""
        if node.is_text_node:
            self._write(node.text_content or "")
            return "text"
        tag = node.tag or ""
        if tag in _DROPPED or not node.is_element_node:
            return "skip"
        if tag == "br":
            if not self._line and self._lines and self._lines[-1]:
                self._lines.append("")
            self._break()
            return "skip"
        attributes = node.attributes
        if attributes:
            style = attributes.get("style")
            if style and "n" in style and _HIDDEN.search(style):
                return "skip"
        if tag in _BLOCKS:
            self._block(tag)
        elif tag in _CELLS and self._line:
            self._line.append(" \t ")
        elif tag == "a" and attributes:
            self._link(node, attributes.get("href"))
        elif tag == "pre" or tag == "textarea":
            self._preformatted += 1
        return self._role(node, tag, attributes)

    def _block(self, tag: str) -> None:
        self._break()
        if tag in _PARAGRAPHS and self._lines and self._lines[-1]:
            self._lines.append("")
        if tag == "li":
            self._line.append("- ")
        elif tag == "pre":
            self._preformatted += 1

    def _role(self, node: LexborNode, tag: str, attributes: dict[str, str | None]) -> str:
        """Tell whether the element is a quote, a signature or the divider above an answered message."""
        if self._quotes or self._rest or self._forwarded:
            return tag
        name = attributes.get("id") or ""
        classes = attributes.get("class") or ""
        if name and _REST_IDS.search(name):
            self._break()
            self._rest = self._rest_pending = True
            return tag
        if (classes and _QUOTE_CLASSES.search(classes)) or (tag == "blockquote" and self._is_cited(attributes)):
            if _FORWARD.match(node.text(deep=True)[:500]):
                self._forwarded = True
                return tag
            self._break()
            self._quotes += 1
            return "quote"
        if (
            (classes and _SIGNATURE_CLASSES.search(classes))
            or (name and _SIGNATURE_CLASSES.search(name))
            or "data-signatureblock" in attributes
        ):
            self._break()
            self._signatures += 1
            return "signature"
        return tag

    def _is_cited(self, attributes: dict[str, str | None]) -> bool:
        """Tell whether a blockquote is a quote: it says so, or a line that introduces one stands before it."""
        if attributes.get("type") == "cite" or "cite" in attributes:
            return True
        before = next((line for line in reversed(self._lines[-4:]) if line.strip()), "").rstrip()
        return before.endswith((":", "\uff1a")) and any(character.isdigit() for character in before)

    def _leave(self, node: LexborNode, role: str) -> None:
        """Write what stands after an element's content."""
        if role in ("text", "skip"):
            return
        tag = node.tag or ""
        if tag in _BLOCKS:
            self._break()
            if tag in _PARAGRAPHS and self._lines and self._lines[-1]:
                self._lines.append("")
        if tag in ("pre", "textarea"):
            self._preformatted -= 1
        if role == "quote":
            self._break()
            self._quotes -= 1
        elif role == "signature":
            self._break()
            self._signatures -= 1

    def _write(self, text: str) -> None:
        if not self._preformatted:
            text = _WHITE.sub(" ", text)
            if text == " " and not self._line:
                return
            self._line.append(text)
            return
        first, *others = text.replace("\r\n", "\n").split("\n")
        self._line.append(first)
        for line in others:
            self._break()
            self._line.append(line)

    def _break(self) -> None:
        """End the line that is being written; a line of nothing but blanks becomes an empty one."""
        if not self._line:
            return
        line = clean("".join(self._line))
        self._line.clear()
        if not self._preformatted:
            line = _SPACES.sub(" ", line.replace("\t", " ")).strip(" \xa0")
        if not line.strip() or line == "-":
            if self._lines and self._lines[-1]:
                self._lines.append("")
            return
        mark = ""
        if self._quotes:
            mark = QUOTE
        elif self._rest_pending:
            mark, self._rest_pending = QUOTE_REST, False
        elif self._signatures:
            mark = SIGNATURE
        self._lines.append(mark + line.replace("\n", " "))

    def _link(self, node: LexborNode, target: str | None) -> None:
        if not target or self._quotes or self._rest or len(self.links) >= LINKS_LIMIT:
            return
        url = clean_line(target).replace(" ", "")
        if is_link(url):
            self.links.append(Link(url=url, text=clean_line(node.text(deep=True), 200)))
