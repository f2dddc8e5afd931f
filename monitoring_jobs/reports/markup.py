"""What keeps a report inert: names and labels are text, whatever they contain."""

from __future__ import annotations

import hashlib
import html
import json
import unicodedata
from collections.abc import Iterable

# Plotly reads a few tags and entities in labels, so look-alikes stand in for what starts them.
_LOOKALIKES = str.maketrans({"<": "\u2039", ">": "\u203a", "&": "\uff06"})
_IN_SCRIPT = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
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


def in_script(data: object) -> str:
    """Return data as JSON that breaks out of no script element; it means the same."""
    # Inside JSON these characters occur in strings only, where backslash escapes mean the same.
    return json.dumps(data, separators=(",", ":")).translate(_IN_SCRIPT)
