"""Evidently's widgets as its viewer reads them: plain data, built without importing Evidently.

Importing Evidently costs seconds and 200 MB; the JSON that its viewer draws costs neither. The
tests hold every widget here against the one that Evidently 0.7.23 builds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Widget = dict[str, Any]

CURRENT_COLOR = "#ed0400"
REFERENCE_COLOR = "#4d4d4d"

_FULL_WIDTH = 2
_ROWS_A_PAGE = 10
# Plotly repeats eight kilobytes of defaults in every figure; these are the ones that are seen.
_AXIS = {"gridcolor": "white", "linecolor": "white", "zerolinecolor": "white", "automargin": True}
TEMPLATE = {
    "layout": {
        "plot_bgcolor": "#E5ECF6",
        "paper_bgcolor": "white",
        "font": {"color": "#2a3f5f"},
        "xaxis": _AXIS,
        "yaxis": _AXIS,
    }
}


def counters(labelled: Sequence[tuple[str, str]], title: str = "") -> Widget:
    """Return big numbers side by side, each with its label beneath: (label, value)."""
    shown = [{"value": value, "label": label} for label, value in labelled]
    return _widget("counter", {"counters": shown}, title)


def heading(label: str) -> Widget:
    """Return the heading of a section."""
    return counters([(label, "")])


def table(header: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> Widget:
    """Return a plain table; the first cell of a row is its name."""
    return _widget("table", {"header": list(header), "data": [list(row) for row in rows]}, title)


def searched_table(
    columns: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], title: str
) -> Widget:
    """Return a table with pages, a search box and rows that open.

    Args:
        columns: Those of ``text_column`` and ``histogram_column``.
        rows: Values by field; ``opened`` adds a card.
        title: Heading of the table.
    """
    params = {
        "rowsPerPage": min(len(rows), _ROWS_A_PAGE),
        "columns": list(columns),
        "data": list(rows),
    }
    return _widget("big_table", params, title)


def text_column(title: str, field: str) -> Widget:
    """Return a column of ``searched_table`` that shows text or numbers."""
    return {"title": title, "field": field}


def histogram_column(title: str, field: str) -> Widget:
    """Return a column of ``searched_table`` that shows thumbnails: x and y lists."""
    options = {"xField": "x", "yField": "y", "color": CURRENT_COLOR}
    return {"title": title, "field": field, "type": "histogram", "options": options}


def opened(title: str, shown: Widget) -> Widget:
    """Return what a row shows when it is opened: a card of the page."""
    return {"parts": [{"title": title, "id": shown["id"], "type": "widget"}]}


def card(
    key: str,
    title: str,
    description: str,
    heads: tuple[str, str],
    facts: Sequence[tuple[str, Sequence[str]]],
    figure: Widget,
) -> Widget:
    """Return one column's facts of two sides beside its figure; its ``id`` is the key."""
    params = {
        "header": title,
        "description": description,
        "metricsValuesHeaders": list(heads),
        "metrics": [{"label": label, "values": list(values)} for label, values in facts],
        "graph": figure,
        "details": {"parts": [], "insights": []},
    }
    return _widget("rich_data", params, id=key)


def group(widgets: Sequence[Widget]) -> Widget:
    """Return widgets one beneath the other."""
    return _widget("group", None, widgets=widgets)


def pages(widgets: Sequence[Widget]) -> Widget:
    """Return widgets of which a page is drawn at a time: figures cost a browser dear."""
    return _widget("list", None, widgets=widgets, pageSize=_page_size(len(widgets)))


def _page_size(count: int) -> int:
    """Return about ten a page, so that the viewer, which rounds, counts every page."""
    sizes = sorted(range(1, 26), key=lambda size: abs(size - 10))
    return next(size for size in sizes if not 0 < count % size < size / 2)


def bars(
    x: Mapping[str, Any], current: Sequence[int], reference: Sequence[int], *, labels: bool
) -> Widget:
    """Return a figure of two distributions, as counts or, at a click, as percentages.

    Args:
        x: Where the bars stand, as Plotly takes it: ``x``, or ``x0`` and ``dx``.
        current: Counts of the window.
        reference: Counts of the reference.
        labels: Whether x are labels, digits among them too.
    """
    traces = []
    sides = (("current", CURRENT_COLOR, current), ("reference", REFERENCE_COLOR, reference))
    for name, color, counts in sides:
        total = sum(counts) or 1
        percentages = [round(100 * count / total, 4) for count in counts]
        for y, visible in ((list(counts), True), (percentages, False)):
            trace = {"type": "bar", "name": name, "marker": {"color": color}, "visible": visible}
            traces.append({**trace, **x, "y": y})
    layout = {
        "template": TEMPLATE,
        "margin": {"t": 90, "b": 40, "l": 60, "r": 20},
        "xaxis": {"type": "category"} if labels else {},
        "yaxis": {"title": {"text": "Count"}},
        "updatemenus": [
            {
                "buttons": [
                    _button("abs", "Count", [True, False, True, False]),
                    _button("perc", "Percent", [False, True, False, True]),
                ],
                "direction": "right",
                "type": "buttons",
                "x": 1.05,
                "y": 1.2,
                "yanchor": "top",
            }
        ],
    }
    return {"data": traces, "layout": layout}


def _button(label: str, axis: str, visible: list[bool]) -> Widget:
    arguments = [{"visible": visible}, {"yaxis": {"title": axis}}]
    return {"args": arguments, "label": label, "method": "update"}


def walk(widgets: Sequence[Widget]) -> Iterator[Widget]:
    """Yield widgets and those inside them."""
    for widget in widgets:
        yield widget
        yield from walk(widget["widgets"])


def _widget(
    kind: str,
    params: Widget | None,
    title: str = "",
    *,
    widgets: Sequence[Widget] = (),
    **more: Any,
) -> Widget:
    return {
        "type": kind,
        "title": title,
        "size": _FULL_WIDTH,
        "params": params,
        "widgets": list(widgets),
        **more,
    }
