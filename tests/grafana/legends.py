"""Legends of charts as HTML."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from math import inf
from typing import Any

Calc = Callable[[Sequence[float]], float]
CALCS: Mapping[str, tuple[str, Calc]] = {
    "lastNotNull": ("Last *", lambda numbers: numbers[-1]),
    "last": ("Last", lambda numbers: numbers[-1]),
    "mean": ("Mean", lambda numbers: sum(numbers) / len(numbers)),
    "max": ("Max", max),
    "min": ("Min", min),
    "sum": ("Total", sum),
    "range": ("Range", lambda numbers: max(numbers) - min(numbers)),
    "first": ("First", lambda numbers: numbers[0]),
}


def sort_rows(rows: list[list[Any]], options: Mapping[str, Any]) -> None:
    """Sort rows, whose last part is the numbers, by the figure that the legend names, if it does.

    Args:
        rows: A name, a color, the figures' texts and the numbers.
        options: The panel's legend.
    """
    calcs = dict(CALCS.values())
    if calc := calcs.get(str(options.get("sortBy"))):
        sign = -1 if options.get("sortDesc") else 1
        rows.sort(key=lambda row: sign * calc(row[-1]) if row[-1] else inf)


def legend_list(rows: Sequence[Sequence[Any]]) -> str:
    return "".join(
        f'<span class="key"><i style="background:{color}"></i>{escape(name)}'
        + "".join(f" <b>{escape(cell)}</b>" for cell in cells)
        + "</span>"
        for name, color, cells, *_ in rows
    )


def legend_table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in ["Name", *heads])
    body = "".join(
        f'<tr><td class="key"><i style="background:{color}"></i>{escape(name)}</td>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for name, color, cells, *_ in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"
