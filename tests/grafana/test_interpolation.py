"""Variables, formats and macros, as Grafana's own datasources write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.grafana.formats import (
    UnknownFormat,
    Value,
    format_named,
    promql_default,
    quoted,
    sql_default,
    text_default,
)
from tests.grafana.interpolation import Chosen, Unreplaced, builtins, interpolate, references
from tests.grafana.macros import BadMacro, expand_macros
from tests.grafana.time_range import (
    BadTime,
    TimeRange,
    format_duration,
    parse_duration,
    parse_range,
    round_interval,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = TimeRange(NOON - timedelta(days=1), NOON)
SCOPE = {
    "one": Chosen("wine"),
    "quoted": Chosen("it's"),
    "inches": Chosen('5" pipe'),
    "several_quoted": Chosen(("a", '5" pipe'), several=True),
    "several": Chosen(("wine", "di.betes"), several=True),
    "picked": Chosen(("wine",), several=True),
    "all": Chosen(".*", several=True, literal=True, text="All"),
    "empty": Chosen(""),
    **builtins(DAY, 90, 120),
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("monitor = '$one'", "monitor = 'wine'"),
        ("monitor = '${one}'", "monitor = 'wine'"),
        ("monitor = '[[one]]'", "monitor = 'wine'"),
        ("monitor = '$quoted'", "monitor = 'it''s'"),
        ("monitor IN ($several)", "monitor IN ('wine','di.betes')"),
        ("monitor IN (${several:sqlstring})", "monitor IN ('wine','di.betes')"),
        ("monitor IN (${one:sqlstring})", "monitor IN ('wine')"),
        ("segment = ${empty:sqlstring}", "segment = ''"),
        ("${quoted:sqlstring}", "'it''s'"),
        ("${inches:sqlstring}", "'5\\\" pipe'"),
        ("${several_quoted:sqlstring}", "'a','5\\\" pipe'"),
        ("'$inches'", "'5\" pipe'"),
        ("${quoted:singlequote}", "'it\\'s'"),
        ("${quoted:doublequote}", '"it\'s"'),
        ("${several:csv}", "wine,di.betes"),
        ("${several:raw}", "wine,di.betes"),
        ("${several:pipe}", "wine|di.betes"),
        ("[[several:pipe]]", "wine|di.betes"),
        ("${several:regex}", "(wine|di\\.betes)"),
        ("${picked:regex}", "wine"),
        ("${several:glob}", "{wine,di.betes}"),
        ("${several:json}", '["wine", "di.betes"]'),
        ("${several:queryparam}", "var-several=wine&var-several=di.betes"),
        ("${quoted:percentencode}", "it%27s"),
        ("$all", ".*"),
        ("${all:sqlstring}", ".*"),
        ("${all:text}", "All"),
        ("$__interval $__interval_ms $__rate_interval", "90s 90000 2m"),
        ("$__range $__range_s", "86400s 86400"),
        ("$__to", "1795176000000"),
        ("${__to:date:iso}", "2026-11-20T12:00:00.000Z"),
        ("${__to:date:seconds}", "1795176000"),
        ("$__timeFilter(window_start)", "$__timeFilter(window_start)"),
        ("label_replace(up, 'a', '$1', 'b', '(.*)')", "label_replace(up, 'a', '$1', 'b', '(.*)')"),
    ],
)
def test_sql_gets_the_values_of_variables(text: str, expected: str) -> None:
    assert interpolate(text, SCOPE, sql_default) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('up{monitor="$one"}', 'up{monitor="wine"}'),
        ('up{monitor=~"$several"}', 'up{monitor=~"(wine|di\\\\.betes)"}'),
        ('up{monitor=~"$picked"}', 'up{monitor=~"wine"}'),
        ('up{monitor=~"$all"}', 'up{monitor=~".*"}'),
        ("rate(a_total[$__rate_interval])", "rate(a_total[2m])"),
    ],
)
def test_promql_gets_the_values_of_variables(text: str, expected: str) -> None:
    assert interpolate(text, SCOPE, promql_default) == expected


def test_titles_and_links_get_values_as_they_are() -> None:
    text = interpolate("$one: ${__data.fields.monitor}", SCOPE, text_default, later=True)
    assert text == "wine: ${__data.fields.monitor}"


@pytest.mark.parametrize("text", ["$unknown", "${unknown:csv}", "[[unknown]]", "$__unknown"])
def test_a_reference_to_no_variable_is_an_error(text: str) -> None:
    with pytest.raises(Unreplaced, match="is no variable"):
        interpolate(text, SCOPE, sql_default)


def test_an_unknown_format_is_an_error() -> None:
    with pytest.raises(UnknownFormat, match="sqlsting"):
        interpolate("${one:sqlsting}", SCOPE, sql_default)


def test_references_are_found_in_all_their_forms() -> None:
    assert references("$a ${b} ${c:csv} [[d]] $__timeFilter(e)") == {
        *"abcd",
        "__timeFilter",
    }


BETWEEN = "'2026-11-19T12:00:00Z' AND '2026-11-20T12:00:00Z'"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("$__timeFilter(window_start)", f"window_start BETWEEN {BETWEEN}"),
        ("$__timeFrom()", "'2026-11-19T12:00:00Z'"),
        ("$__timeTo()", "'2026-11-20T12:00:00Z'"),
        ("$__time(a)", 'a AS "time"'),
        ("$__timeEpoch(a)", 'extract(epoch from a) AS "time"'),
        ("$__timeGroup(a, '1d')", "floor(extract(epoch from a)/86400)*86400"),
        ("$__timeGroup(a, '5m', NULL)", "floor(extract(epoch from a)/300)*300"),
        ("$__timeGroup(a, 1h), b", 'floor(extract(epoch from a)/3600)*3600 AS "time", b'),
        ("$__timeGroupAlias(a, '1d', 0)", 'floor(extract(epoch from a)/86400)*86400 AS "time"'),
        ("$__unixEpochFilter(a)", "a >= 1795089600 AND a <= 1795176000"),
        ("$__unixEpochFrom() $__unixEpochTo()", "1795089600 1795176000"),
        (
            "$__unixEpochNanoFilter(a)",
            "a >= 1795089600000000000 AND a <= 1795176000000000000",
        ),
        ("$__unixEpochGroup(a, '1m')", "floor((a)/60)*60"),
        ("SELECT 1", "SELECT 1"),
    ],
)
def test_macros_become_sql(sql: str, expected: str) -> None:
    assert expand_macros(sql, DAY) == expected


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("$__timefilter(a)", "unknown macro"),
        ("$__timeFilter()", "needs 1"),
        ("$__timeGroup(a)", "needs 2"),
        ("$__interval", "neither variable nor macro"),
        ("${monitor:sqlstring", "neither variable nor macro"),
    ],
)
def test_a_macro_that_grafana_does_not_know_is_an_error(sql: str, reason: str) -> None:
    with pytest.raises(BadMacro, match=reason):
        expand_macros(sql, DAY)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("now-30d", "now", "2026-10-21T12:00 2026-11-20T12:00"),
        ("now-1d/d", "now/d", "2026-11-19T00:00 2026-11-21T00:00"),
        ("now/w", "now", "2026-11-16T00:00 2026-11-20T12:00"),
        ("2026-11-01T00:00:00Z", "now+1h", "2026-11-01T00:00 2026-11-20T13:00"),
    ],
)
def test_ranges_are_read(start: str, end: str, expected: str) -> None:
    span = parse_range(start, end, NOON)
    assert f"{span.start:%Y-%m-%dT%H:%M} {span.end:%Y-%m-%dT%H:%M}" == expected


def test_what_is_no_time_is_an_error() -> None:
    with pytest.raises(BadTime):
        parse_range("now-a day", "now", NOON)
    with pytest.raises(BadTime):
        parse_duration("5 minutes")


@pytest.mark.parametrize(
    ("seconds", "points", "interval"),
    [(3600, 1000, 5), (86400, 1000, 60), (30 * 86400, 1000, 1800), (730 * 86400, 1000, 43200)],
)
def test_points_lie_as_far_apart_as_grafana_puts_them(
    seconds: int, points: int, interval: int
) -> None:
    span = TimeRange(NOON - timedelta(seconds=seconds), NOON)
    assert span.interval(points) == interval


@given(st.floats(min_value=0.001, max_value=3.0e8))
def test_a_rounded_interval_is_near_what_was_computed(seconds: float) -> None:
    assert seconds / 8 <= round_interval(seconds) <= seconds * 2.5 or seconds > 3.0e6


@given(st.integers(1, 10**9))
def test_a_duration_survives_writing_and_reading(milliseconds: int) -> None:
    text = format_duration(milliseconds / 1000)
    assert round(parse_duration(text) * 1000) == milliseconds


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_quoted_values_are_split_by_their_quotes_alone(values: list[str]) -> None:
    sql = sql_default(tuple(values), several=True)
    strings = re.findall(r"'((?:[^']|'')*)'", sql)
    assert [string.replace("''", "'") for string in strings] == values
    assert sql == ",".join(quoted(value) for value in values)
    escaped = format_named("sqlstring")(tuple(values))
    assert escaped == sql_default(
        tuple(value.replace('"', '\\"') for value in values), several=True
    )


@given(TEXTS, st.booleans())
def test_a_regex_in_promql_matches_its_value_only(text: str, other: bool) -> None:
    pattern = promql_default((text, "other"), several=True).replace("\\\\", "\\")
    assert re.fullmatch(pattern, "other" if other else text, re.DOTALL)


@given(st.lists(TEXTS, min_size=1, max_size=3))
def test_a_regex_matches_its_values(values: list[str]) -> None:
    value: Value = tuple(values)
    pattern = format_named("regex")(value)
    assert all(re.fullmatch(pattern, one, re.DOTALL) for one in values)
