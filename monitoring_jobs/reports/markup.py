"""What keeps a report inert: names and labels are text, whatever they contain."""

from __future__ import annotations

import hashlib
import html
import unicodedata
from collections.abc import Iterable

# Plotly reads a few tags and entities in labels, so look-alikes stand in for what starts them.
_LOOKALIKES = str.maketrans({"<": "\u2039", ">": "\u203a", "&": "\uff06"})
_IN_SCRIPT = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)
_DATA_LINES = ("    var metric_", "    var additional_graphs_metric_")
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "font-src data:; img-src data: blob:; base-uri 'none'; form-action 'none'"
)


def visible(text: str) -> str:
    """Return text without control characters, line breaks, lone surrogates and direction marks."""
    return "".join(
        "�" if unicodedata.category(c)[0] == "C" or c in "\u2028\u2029" else c for c in text
    )


def inert(text: str, longest: int = 40) -> str:
    """Return a name or label that no part of the page reads as markup."""
    clean = visible(text).translate(_LOOKALIKES).strip() or "(empty)"
    return clean if len(clean) <= longest else f"{clean[: longest - 1]}…"


def inert_names(names: Iterable[str]) -> dict[str, str]:
    """Return an inert name for each name; different names stay different."""
    given: dict[str, str] = {}
    taken: set[str] = set()
    for name in dict.fromkeys(names):
        title = inert(name)
        if title in taken:
            digest = hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=4).hexdigest()
            title = f"{title}~{digest}"
        while title in taken:
            title += "'"
        taken.add(title)
        given[name] = title
    return given


def escape(text: object) -> str:
    """Return text for an HTML element or a quoted attribute."""
    return html.escape(visible(str(text)), quote=True)


def finish_page(page: str, *, title: str, header: str) -> str:
    """Make Evidently's page inert and give it a title and a header.

    Args:
        page: What Evidently rendered: data as JSON in a script element, one variable a line.
        title: Plain text.
        header: HTML.

    Raises:
        ValueError: The page does not have the shape that is known to be safe.
    """
    lines = page.lstrip().split("\n")
    data = [number for number, line in enumerate(lines) if line.startswith(_DATA_LINES)]
    if len(data) != len(_DATA_LINES):
        raise ValueError("Evidently's page has an unknown shape; is its version the pinned one?")
    for number in data:
        # Inside JSON these characters occur in strings only, where \u escapes mean the same.
        lines[number] = lines[number].translate(_IN_SCRIPT)
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{escape(title)}</title>"
    )
    _insert_after(lines, "<head>", head)
    _insert_after(lines, "<body>", header)
    return "\n".join(lines)


def _insert_after(lines: list[str], tag: str, text: str) -> None:
    places = [number for number, line in enumerate(lines) if line.strip() == tag]
    if not places:
        raise ValueError(f"Evidently's page has no {tag}; is its version the pinned one?")
    lines.insert(places[0] + 1, text)
