"""Markdown in which text of monitor files stays text.

Airflow renders the text of a Dag as GitHub's Markdown without HTML. There, a name could become a
link, an image, a heading or another row of a table: what comes from a file goes through ``text``,
``code`` or ``block``, and nothing else does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# Every mark of ASCII as a character reference is the mark itself, and begins nothing.
_REFERENCES = {ord(mark): f"&#{ord(mark)};" for mark in r"""!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~"""}
# Addresses become links after references are read: a comment keeps their parts apart. At the
# start of a line it would begin a block of HTML, which is not shown.
_ADDRESS = re.compile(r"(?i)(?<=https:)(?=//)|(?<=http:)(?=//)|(?<=www)(?=\.)|(?<=\S)(?=@)")
_APART = "\x00"
_NOT_IN_CODE = frozenset("`|\\")
_MOST_LISTED = 30


def text(data: object) -> str:
    """Return data as a piece of a paragraph or of a table's cell."""
    marked = _ADDRESS.sub(_APART, _one_line(data))
    return marked.translate(_REFERENCES).replace(_APART, "<!-- -->")


def code(data: object) -> str:
    """Return data as code in a line: a name, a path, a number."""
    line = _one_line(data)
    return f"`{line}`" if line and not _NOT_IN_CODE & set(line) else text(line)


def codes(names: Iterable[object]) -> str:
    """Return names as code, the first ones where there are many."""
    listed = list(names)
    shown = ", ".join(map(code, listed[:_MOST_LISTED]))
    more = len(listed) - _MOST_LISTED
    return f"{shown} and {more} more" if more > 0 else shown


def block(data: str) -> str:
    """Return data as a block of code, for a place of its own between blank lines.

    Airflow shows it as one paragraph. A fence that names a language keeps the lines, and cuts off
    what is wider than Airflow's dialog.
    """
    return "\n".join(f"    {printable(line)}" for line in data.splitlines())


def link(label: str, address: str) -> str:
    """Return a link; the label is ours, the address well-formed."""
    return f"[{label}](<{address}>)"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are markup already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _one_line(data: object) -> str:
    return printable(" ".join(str(data).split()))


def printable(line: str) -> str:
    """Return a line without what is not seen, such as marks that turn the direction of writing.

    What is left can be written by every program, and stored by every database.
    """
    if line.isprintable():
        return line
    return "".join(
        mark if mark.isprintable() or mark == "\t" else "\N{REPLACEMENT CHARACTER}" for mark in line
    )
