"""One registry, and one boundary that keeps a bad column to itself."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

from monitoring_jobs.checks.case import ColumnCase, Scribe
from monitoring_jobs.checks.registry import COLUMN_CHECKS, column_check, measure_column
from monitoring_jobs.errors import TerminalError
from monitoring_jobs.results import Status, verdict
from monitoring_jobs.spec import Checks
from monitoring_jobs.statistics import NumericColumn
from tests.unit.checks.cases import case

VALUES = [float(i % 50) for i in range(300)]


def broken(name: str) -> ColumnCase:
    """Return a case whose statistics cannot be read, as a damaged cache would give them."""
    secret = np.array(["canary-4711"] * 300, dtype="object")
    damaged = NumericColumn(rows=300, missing=0, infinite=0, sorted=secret)
    return replace(case(VALUES, VALUES, name=name), current=damaged)


def test_an_unknown_check_lists_the_known_ones() -> None:
    with pytest.raises(TerminalError, match=r"no column check 'drfit'; use one of quality, drift"):
        column_check("drfit")


def test_every_registered_check_runs_in_order() -> None:
    measured = measure_column(case(VALUES, VALUES), Checks())
    assert list(dict.fromkeys(m.check for m in measured)) == [*COLUMN_CHECKS]
    assert {m.status for m in measured} == {Status.OK}
    assert len({m.key for m in measured}) == len(measured)


@pytest.mark.parametrize("name", COLUMN_CHECKS)
def test_a_check_that_is_off_measures_nothing(name: str) -> None:
    measured = measure_column(case(VALUES, VALUES), Checks(**{name: False}))
    assert {m.check for m in measured} == set(COLUMN_CHECKS) - {name}


def test_f02_the_least_rows_of_drift_hold_for_quality_too() -> None:
    few = case(VALUES[:99], VALUES)
    assert {m.status for m in measure_column(few, Checks())} == {Status.INSUFFICIENT_DATA}
    without_drift = measure_column(few, Checks(drift=False))
    assert {m.status for m in without_drift} == {Status.OK}


def test_f04_a_broken_column_is_one_error_per_check_and_the_others_go_on() -> None:
    measured = [
        *measure_column(broken("bad"), Checks()),
        *measure_column(case(VALUES, VALUES), Checks()),
    ]
    errors = [m for m in measured if m.status is Status.ERROR]
    assert {(m.check, m.metric, m.column) for m in errors} <= {
        ("quality", "error", "bad"),
        ("drift", "error", "bad"),
    }
    assert errors
    assert {m.status for m in measured if m.column == "x"} == {Status.OK}
    assert verdict(measured) is Status.ERROR


def test_f06_statistics_of_different_kinds_are_never_compared() -> None:
    text = case(["a"] * 300, ["a"] * 300)
    changed = replace(case(VALUES, VALUES), reference=text.reference)
    measured = measure_column(changed, Checks())
    assert [(m.check, m.status) for m in measured] == [("quality", "error"), ("drift", "error")]


def test_f63_an_error_tells_kind_and_place_but_no_data(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        errors = [m for m in measure_column(broken("bad"), Checks()) if m.status is Status.ERROR]
    assert all("canary" not in str(m.detail) for m in errors)
    assert "canary" not in caplog.text
    assert all(" in " in str(m.detail["reason"]) for m in errors)
    assert {record.action for record in caplog.records} == {"check_failed"}


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), np.float64("-inf")])
def test_f09_a_number_that_is_none_is_written_as_absent(value: float | None) -> None:
    measured = Scribe(check="quality").write("m", value, threshold=1.0)
    assert (measured.value, measured.status) == (None, Status.INSUFFICIENT_DATA)
    assert measured.detail["reason"]


@pytest.mark.parametrize("value", [np.float32(0.5), np.float64(0.5), np.int64(1), True])
def test_f10_numpy_scalars_become_plain_numbers(value: float) -> None:
    assert type(Scribe(check="quality").write("m", value).value) is float


def test_f10_every_scalar_of_a_measurement_is_plain() -> None:
    plain = (str, int, float, bool, type(None))
    labels = measure_column(case(["a", "b"] * 100, ["a", "c"] * 100), Checks())
    for measured in [*labels, *measure_column(case(VALUES, VALUES), Checks())]:
        for scalar in (measured.value, measured.threshold, *measured.detail.values()):
            assert type(scalar) in plain
