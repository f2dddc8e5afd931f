"""Panels, variables, results and what is seen of them, on dashboards made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.grafana.frames import Field, Frame, Kind, display_name
from tests.grafana.interpolation import Chosen, Scope
from tests.grafana.loading import BadDashboard, Dashboard, Panel
from tests.grafana.looks import looks_of
from tests.grafana.patterns import js_regex
from tests.grafana.prometheus_source import legend_of
from tests.grafana.transformations import letter_values, transform
from tests.grafana.units import format_value
from tests.grafana.values import show
from tests.grafana.variables import BadVariable, Option, custom_options, filtered, resolve

SOURCE = {"uid": "postgres-datasource"}


def _dashboard(*panels: Mapping[str, Any]) -> Dashboard:
    return Dashboard(Path("a.json"), {"uid": "a", "title": "A", "panels": panels})


def _panel(title: str, **more: Any) -> dict[str, Any]:
    targets = [{"refId": "A", "rawSql": "SELECT 1"}]
    return {"type": "stat", "title": title, "datasource": SOURCE, "targets": targets, **more}


def test_panels_of_collapsed_rows_are_found() -> None:
    row = {"type": "row", "title": "row", "collapsed": True, "panels": [_panel("inner")]}
    panels = _dashboard(_panel("first"), row).panels
    assert [panel.title for panel in panels] == ["first", "row", "inner"]
    assert [len(panel.queries) for panel in panels] == [1, 0, 1]


def test_panels_and_rows_are_repeated_by_the_values_of_their_variable() -> None:
    dashboard = _dashboard(
        _panel("of $a", repeat="a"),
        {"type": "row", "title": "of $b", "repeat": "b"},
        _panel("both", repeat="a"),
    )
    expanded = dashboard.expanded({"a": ["1", "2"], "b": ["x", "y"]})
    assert [(panel.title, *panel.chosen.values()) for panel in expanded] == [
        ("of $a", "1"), ("of $a", "2"),
        ("of $b", "x"), ("of $b", "y"),
        ("both", "x", "1"), ("both", "x", "2"), ("both", "y", "1"), ("both", "y", "2"),
    ]  # fmt: skip


def test_a_panel_that_is_repeated_by_nothing_is_an_error() -> None:
    with pytest.raises(BadDashboard, match="repeated by c"):
        _dashboard(_panel("a", repeat="c")).expanded({"a": ["1"]})


def test_a_query_without_datasource_is_an_error() -> None:
    with pytest.raises(BadDashboard, match="names no datasource"):
        _ = _dashboard({**_panel("a"), "datasource": None}).panels


def test_hidden_queries_are_not_run() -> None:
    (panel,) = _dashboard(_panel("a", targets=[{"refId": "A", "hide": True}])).panels
    assert panel.queries == ()


def _variable(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "query", "name": name, "query": "", "datasource": SOURCE, **more}


def _ask(model: Mapping[str, Any], scope: Scope) -> Sequence[Option]:
    values = ["", "a", "b"] if model["name"] == "segment" else ["a", "b"]
    return [Option(value or "whole", value) for value in values]


@pytest.mark.parametrize(
    ("more", "chosen"),
    [
        ({}, "a"),
        ({"multi": True}, ("a",)),
        ({"current": {"value": "b"}}, "b"),
        ({"current": {"value": "gone"}}, "a"),
        ({"current": {"value": ["b", "gone"]}, "multi": True}, ("b",)),
        ({"includeAll": True}, ("a", "b")),
        ({"includeAll": True, "current": {"value": "$__all"}}, ("a", "b")),
        ({"includeAll": True, "current": {"value": ["$__all"]}, "allValue": ".*"}, ".*"),
        ({"type": "custom", "query": "x,y"}, "x"),
        ({"type": "constant", "query": "x"}, "x"),
        ({"type": "textbox", "query": ""}, ""),
        ({"type": "interval", "query": "1h,1d"}, "1h"),
    ],
)
def test_a_dashboard_opens_with_what_was_saved_or_all_or_the_first(
    more: Mapping[str, Any], chosen: str | tuple[str, ...]
) -> None:
    resolved = resolve([_variable("v", **more)], {}, _ask)["v"]
    assert resolved.chosen.value == chosen


def test_what_somebody_picks_wins() -> None:
    model = _variable("v", multi=True, includeAll=True)
    assert resolve([model], {}, _ask, {"v": "b"})["v"].chosen.value == ("b",)


def test_the_empty_value_is_one_that_can_be_chosen() -> None:
    chosen = resolve([_variable("segment")], {}, _ask)["segment"].chosen
    assert chosen == Chosen("", text="whole")


def test_variables_come_after_those_that_they_name() -> None:
    seen: dict[str, set[str]] = {}

    def ask(model: Mapping[str, Any], scope: Scope) -> Sequence[Option]:
        seen[str(model["name"])] = set(scope)
        return [Option("x", "x")]

    resolve([_variable("c", query="$b"), _variable("b", query="[[a]]"), _variable("a")], {}, ask)
    assert seen == {"a": set(), "b": {"a"}, "c": {"a", "b"}}


@pytest.mark.parametrize(
    ("models", "reason"),
    [
        ([_variable("a", query="$b"), _variable("b", query="$a")], "refer to each other"),
        ([_variable("a"), _variable("a")], "one name"),
        ([_variable("a", type="adhoc")], "no variables of type adhoc"),
    ],
)
def test_variables_that_cannot_be_filled_are_errors(
    models: Sequence[Mapping[str, Any]], reason: str
) -> None:
    with pytest.raises(BadVariable, match=reason):
        resolve(models, {}, _ask)


def test_the_options_of_custom_variables_have_texts_values_and_commas() -> None:
    assert custom_options(r"one, Two : 2,a\,b") == [
        Option("one", "one"),
        Option("Two", "2"),
        Option("a,b", "a,b"),
    ]


@pytest.mark.parametrize(
    ("pattern", "values"),
    [("", ["a1", "b2"]), ("/^a/", ["a1"]), ("/([a-z])/", ["a", "b"]), ("a1", ["a1"])],
)
def test_a_regex_filters_options(pattern: str, values: list[str]) -> None:
    options = filtered([Option("a1", "a1"), Option("b2", "b2")], pattern)
    assert [option.value for option in options] == values


def _frame(ref_id: str = "A", **columns: Sequence[Any]) -> Frame:
    kinds = {str: Kind.STRING, float: Kind.NUMBER}
    return Frame(
        ref_id,
        tuple(Field(name, kinds[type(values[0])], values) for name, values in columns.items()),
    )


def test_merged_tables_share_the_rows_that_agree() -> None:
    frames = [
        _frame("A", model=["x", "y"], Value=[1.0, 2.0]),
        _frame("B", model=["y"], Value=[3.0]),
    ]
    (merged,) = transform(letter_values(frames), [{"id": "merge"}])
    assert {field.name: field.values for field in merged.fields} == {
        "model": ["x", "y"],
        "Value #A": [1.0, 2.0],
        "Value #B": [None, 3.0],
    }


def test_organized_columns_are_named_sorted_and_left_out() -> None:
    options = {
        "excludeByName": {"b": True, "c": False},
        "indexByName": {"c": 0, "a": 1},
        "renameByName": {"c": "C"},
    }
    frames = [_frame(a=["1"], b=["2"], c=["3"])]
    (organized,) = transform(frames, [{"id": "organize", "options": options}])
    assert [field.name for field in organized.fields] == ["C", "a"]


@pytest.mark.parametrize(
    ("pattern", "labels", "name"),
    [
        ("{{monitor}} ({{ method }})", {"monitor": "wine", "method": "psi"}, "wine (psi)"),
        ("{{absent}}x", {"monitor": "wine"}, "x"),
        ("__auto", {"__name__": "up", "job": "a"}, 'up{job="a"}'),
        ("__auto", {}, "sum(up)"),
    ],
)
def test_legends_are_filled_with_labels(pattern: str, labels: dict[str, str], name: str) -> None:
    assert legend_of(pattern, labels, "sum(up)") == name


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        ({}, "score"),
        ({"column": "hue"}, "score hue"),
        ({"a": "1", "b": "2"}, 'score {a="1", b="2"}'),
    ],
)
def test_series_are_called_by_their_labels(labels: dict[str, str], name: str) -> None:
    field = Field("score", Kind.NUMBER, [1.0], labels)
    assert display_name(field, [Frame("A", (field,))]) == name


def test_overrides_change_the_fields_that_they_match() -> None:
    overrides = [
        {"matcher": {"id": "byName", "options": "a"}, "properties": [_property("unit", "s")]},
        {"matcher": {"id": "byRegexp", "options": "/^b/"},
         "properties": [_property("displayName", "B")]},
    ]  # fmt: skip
    config = {"defaults": {"unit": "short", "custom": {"width": 80}}, "overrides": overrides}
    panel = Panel({"type": "table", "fieldConfig": config})
    looks = looks_of(panel, [_frame(a=[1.0], b2=[2.0])])
    assert [(look.name, look.config["unit"], look.custom("width")) for look in looks] == [
        ("a", "s", 80),
        ("B", "short", 80),
    ]


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [("ab", ["ab"]), ("a.*", ["ab", "abc"]), ("/b$/", ["ab"]), ("/B/i", ["ab", "abc", "xbx"])],
)
def test_a_pattern_without_slashes_is_of_the_whole_name(pattern: str, matched: list[str]) -> None:
    names = ["ab", "abc", "xbx"]
    assert [name for name in names if js_regex(pattern).search(name)] == matched


def _property(name: str, value: object) -> dict[str, object]:
    return {"id": name, "value": value}


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "text"),
    [
        (0.5, "percentunit", None, "50%"),
        (0.98765, "percentunit", 1, "98.8%"),
        (81.25, "percent", 1, "81.2%"),
        (90.0, "s", None, "1.50 min"),
        (0.25, "s", None, "250 ms"),
        (0.0, "s", None, "0 s"),
        (7200.0, "s", None, "2 hours"),
        (1536.0, "bytes", None, "1.5 KiB"),
        (12345.0, "short", None, "12.3 K"),
        (1234.0, "none", None, "1,234"),
        (2000.0, "locale", None, "2,000"),
        (3.14159, "", None, "3.14"),
        (320.355, "none", None, "320"),
        (0.00001, "", None, "1e-05"),
        (4.5, "reqps", None, "4.5 req/s"),
        (4.0, "suffix: rows", None, "4 rows"),
        (0.0, "dateTimeAsIso", None, "1970-01-01 00:00:00"),
        (3600_000.0, "time:YYYY-MM-DD HH:mm", None, "1970-01-01 01:00"),
        (3600_000.0, "dateTimeFromNow", None, "1 hours ago"),
    ],
)
def test_numbers_are_shown_with_their_unit(
    value: float, unit: str, decimals: int | None, text: str
) -> None:
    assert format_value(value, unit, decimals, now=7200.0) == text


@pytest.mark.parametrize(
    ("value", "text", "color"),
    [
        (1.0, "one", "blue"),
        (7.0, "many", "red"),
        (2.0, "2", "green"),
        (3.0, "3", "orange"),
        (None, "nothing", "gray"),
    ],
)
def test_values_get_words_and_colors_of_mappings_and_thresholds(
    value: float | None, text: str, color: str
) -> None:
    mappings = [
        {"type": "value", "options": {"1": {"text": "one", "color": "blue"}}},
        {"type": "range",
         "options": {"from": 5, "to": 9, "result": {"text": "many", "color": "red"}}},
        {"type": "special",
         "options": {"match": "null", "result": {"text": "nothing", "color": "gray"}}},
    ]  # fmt: skip
    steps = [{"color": "green", "value": None}, {"color": "orange", "value": 3}]
    defaults = {"mappings": mappings, "thresholds": {"mode": "absolute", "steps": steps}}
    panel = Panel({"type": "table", "fieldConfig": {"defaults": defaults}})
    (look,) = looks_of(panel, [Frame("A", (Field("a", Kind.NUMBER, [value]),))])
    shown = show(look, value, 0.0)
    assert (shown.text, shown.color) == (text, color)
