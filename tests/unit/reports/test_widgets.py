"""Our widgets are those that the installed Evidently builds, without its import."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import pandas as pd
import pytest

from monitoring_jobs.reports import widgets
from monitoring_jobs.reports.widgets import Widget

PARTS = (["a", "b"], [3, 1], [2, 2])


@pytest.fixture(scope="module")
def html() -> Any:
    """Evidently's makers of widgets; its import takes seconds, which no other file should pay."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from evidently.legacy.renderers import html_widgets
    return html_widgets


def theirs(info: Any) -> dict[str, Any]:
    from evidently.legacy.utils import NumpyEncoder

    plain: dict[str, Any] = json.loads(json.dumps(info.dict(), cls=NumpyEncoder))
    return plain


def assert_same(ours: Widget, info: Any) -> None:
    """Compare what ours says; what theirs says beyond it must be nothing."""
    built = theirs(info)
    for name in ("type", "title", "size", "params", "widgets"):
        assert ours[name] == built[name], name
    silent = {name: value for name, value in built.items() if name not in ours}
    silent.pop("id", None)
    ordinary = {"alertsPosition": (None, "row"), "pageSize": (5,)}
    for name, value in silent.items():
        assert not value or value in ordinary.get(name, ()), name


def test_counters_are_evidentlys(html: Any) -> None:
    info = html.counter(
        title="t", counters=[html.CounterData.int("Columns", 3), html.CounterData("Said", "x")]
    )
    assert_same(widgets.counters([("Columns", "3"), ("Said", "x")], "t"), info)


def test_heading_is_evidentlys(html: Any) -> None:
    assert_same(widgets.heading("Summary"), html.header_text(label="Summary"))


def test_table_is_evidentlys(html: Any) -> None:
    info = html.table_data(title="t", column_names=["", "x"], data=[["rows", "5"]])
    assert_same(widgets.table(("", "x"), [("rows", "5")], "t"), info)


def test_group_is_evidentlys(html: Any) -> None:
    inside = html.header_text(label="Summary")
    ours = widgets.group([widgets.heading("Summary")])
    built = theirs(html.group_widget(title="", widgets=[inside]))
    assert ours["type"] == built["type"]
    assert ours["widgets"][0]["params"] == built["widgets"][0]["params"]


@pytest.mark.parametrize("rows", [1, 25])
def test_searched_table_is_evidentlys(html: Any, rows: int) -> None:
    from evidently.legacy.options import ColorOptions

    color = ColorOptions().primary_color
    columns = [
        html.ColumnDefinition("Column", "name"),
        html.ColumnDefinition(
            "Shape",
            "shape",
            html.ColumnType.HISTOGRAM,
            options={"xField": "x", "yField": "y", "color": color},
        ),
    ]
    fields = {"name": "alcohol", "shape": {"x": [1], "y": [2]}}
    figure = html.rich_data(
        title="alcohol", description="num", header=["a", "b"], metrics=[], graph=None
    )
    details = html.RowDetails().with_part("DATA DISTRIBUTION", info=figure)
    info = html.rich_table_data(
        title="t",
        columns=columns,
        data=[html.RichTableDataRow(fields=fields, details=details)] * rows,
    )
    card = widgets.card(str(figure.id), "alcohol", "num", ("a", "b"), [], {})
    ours = widgets.searched_table(
        [widgets.text_column("Column", "name"), widgets.histogram_column("Shape", "shape")],
        [{**fields, "details": widgets.opened("DATA DISTRIBUTION", card)}] * rows,
        "t",
    )
    info.additionalGraphs = []  # ours find the card on the page
    assert_same(ours, info)


def test_card_is_evidentlys(html: Any) -> None:
    figure = widgets.bars({"x": PARTS[0]}, PARTS[1], PARTS[2], labels=True)
    info = html.rich_data(
        title="alcohol",
        description="num",
        header=["current", "reference"],
        metrics=[{"label": "mean", "values": ["1", "2"]}],
        graph=figure,
    )
    ours = widgets.card(
        "column_0", "alcohol", "num", ("current", "reference"), [("mean", ("1", "2"))], figure
    )
    assert_same(ours, info)


def test_figure_is_evidentlys(html: Any) -> None:
    labels, current, reference = PARTS
    from evidently.legacy.metric_results import HistogramData
    from evidently.legacy.options import ColorOptions
    from evidently.legacy.utils.visualizations import plot_distr_with_perc_button

    figure = plot_distr_with_perc_button(
        hist_curr=HistogramData(x=pd.Series(labels), count=pd.Series(current)),
        hist_ref=HistogramData(x=pd.Series(labels), count=pd.Series(reference)),
        yaxis_name="Count",
        yaxis_name_perc="Percent",
        color_options=ColorOptions(),
        subplots=False,
        to_json=False,
    )
    built = theirs(html.plotly_figure(title="", figure=figure))["params"]
    ours = widgets.bars({"x": labels}, current, reference, labels=True)
    for mine, other in zip(ours["data"], built["data"], strict=True):
        assert mine.items() <= other.items()
    assert ours["layout"]["updatemenus"] == built["layout"]["updatemenus"]
    assert ours["layout"]["yaxis"]["title"] == built["layout"]["yaxis"]["title"]
    seen = built["layout"]["template"]["layout"]
    for name in ("plot_bgcolor", "paper_bgcolor", "font"):
        assert ours["layout"]["template"]["layout"][name] == seen[name]


def test_digits_as_labels_are_no_numbers() -> None:
    figure = widgets.bars({"x": ["3", "2.5"]}, [1, 0], [0, 1], labels=True)
    assert figure["layout"]["xaxis"] == {"type": "category"}


def test_viewer_which_rounds_counts_every_page() -> None:
    for count in range(1, 1200):
        size = widgets.pages([widgets.heading("")] * count)["pageSize"]
        assert math.floor(count / size + 0.5) == math.ceil(count / size)
        assert size <= 25
        assert count < 10 or size >= 5, "few pages"
