"""Columns that vanished, appeared or changed their kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_jobs.checks.schema import check_schema
from monitoring_jobs.results import Measurement, Status
from monitoring_jobs.spec import SchemaCheck

SAME = {"a": "numerical", "b": "categorical"}
COUNTS = ["missing_columns", "new_columns", "type_changes"]


def offenders(measurements: list[Measurement]) -> list[tuple[str, str, str]]:
    assert [m.metric for m in measurements[:3]] == COUNTS
    return [(m.metric, m.column, str(m.status)) for m in measurements[3:]]


def test_equal_columns_give_three_zeros() -> None:
    measured = check_schema(SAME, SAME, needed=["a"], spec=SchemaCheck())
    assert [(m.metric, m.value, m.status) for m in measured] == [
        (count, 0.0, Status.OK) for count in COUNTS
    ]


def test_f05_missing_and_new_columns_are_named() -> None:
    measured = check_schema(
        {"a": "numerical", "new": "categorical"}, SAME, needed=["a", "b"], spec=SchemaCheck()
    )
    assert offenders(measured) == [
        ("missing_column", "b", "failed"),
        ("new_column", "new", "warning"),
    ]
    assert [m.value for m in measured[:3]] == [1.0, 1.0, 0.0]


def test_f05_a_needed_column_that_neither_side_has_is_missing() -> None:
    measured = check_schema(SAME, SAME, needed=["label"], spec=SchemaCheck())
    assert offenders(measured) == [("missing_column", "label", "failed")]


def test_a_needed_column_that_the_reference_lacks_is_not_new() -> None:
    current = {**SAME, "request_id": "categorical"}
    assert not offenders(check_schema(current, SAME, needed=["request_id"], spec=SchemaCheck()))


def test_f06_a_changed_type_says_what_it_was_and_is() -> None:
    current = {"a": "categorical", "b": "categorical"}
    measured = check_schema(current, SAME, needed=["a"], spec=SchemaCheck())
    assert offenders(measured) == [("type_changed", "a", "failed")]
    assert measured[3].detail == {"used": True, "expected": "numerical", "found": "categorical"}


def test_an_unused_column_warns_at_worst() -> None:
    measured = check_schema({"a": "other"}, SAME, needed=[], spec=SchemaCheck())
    assert offenders(measured) == [
        ("type_changed", "a", "warning"),
        ("missing_column", "b", "warning"),
    ]


@pytest.mark.parametrize("severity", ["ok", "warning", "failed"])
def test_the_monitor_file_says_how_severe_a_change_is(severity: str) -> None:
    spec = SchemaCheck(missing_column=severity, new_column=severity, type_changed=severity)
    measured = check_schema({"a": "other", "c": "other"}, SAME, needed=["a", "b"], spec=spec)
    assert {m.metric: m.status for m in measured[3:]} == {
        "missing_column": severity,
        "type_changed": severity,
        "new_column": "warning" if severity == "failed" else severity,
    }


def test_f01_a_window_without_files_misses_no_column() -> None:
    measured = check_schema({}, SAME, needed=["a"], spec=SchemaCheck())
    assert [(m.metric, m.value, m.status) for m in measured] == [
        (count, None, Status.INSUFFICIENT_DATA) for count in COUNTS
    ]


def test_f12_odd_names_are_kept_as_they_are() -> None:
    odd = ["", "a\nb", "\"';", "ü" * 10_000, "</script>"]
    measured = check_schema(dict.fromkeys(odd, "other"), {}, needed=[], spec=SchemaCheck())
    assert sorted(m.column for m in measured[3:]) == sorted(odd)


columns = st.dictionaries(
    st.sampled_from("abcdef"), st.sampled_from(["numerical", "categorical"]), min_size=1
)


@given(columns, columns, st.lists(st.sampled_from("abcdef")))
def test_measurements_are_unique_ordered_and_counted(
    current: dict[str, str], reference: dict[str, str], needed: list[str]
) -> None:
    measured = check_schema(current, reference, needed=needed, spec=SchemaCheck())
    found = offenders(measured)
    assert len({m.key for m in measured}) == len(measured)
    assert [column for _, column, _ in found] == sorted(column for _, column, _ in found)
    assert sum(m.value or 0 for m in measured[:3]) == len(found)
    shuffled = dict(reversed(current.items()))
    assert check_schema(shuffled, reference, needed=needed, spec=SchemaCheck()) == measured
