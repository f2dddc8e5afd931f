"""Drift of columns by pinned methods, and of the dataset by their share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_jobs.checks.drift import SAMPLES, SCORES, check_column, check_dataset
from monitoring_jobs.drift_methods import METHODS, names_for
from monitoring_jobs.results import Measurement, Status, verdict
from monitoring_jobs.spec import DriftCheck, DriftMethod
from tests.unit.checks.cases import by_metric, case

ANY = DriftCheck(min_rows=1)
STEADY = [float(i % 10) for i in range(200)]
MOVED = [value + 30 for value in STEADY]


def pinned(method: str, threshold: float | None = None, min_rows: int = 1) -> DriftCheck:
    chosen = DriftMethod(method=method, threshold=threshold)
    return DriftCheck(min_rows=min_rows, columns={"x": chosen})


def test_every_method_of_a_monitor_file_is_known() -> None:
    assert [*SCORES] == [*METHODS]
    assert {*SAMPLES} <= {*METHODS}


@pytest.mark.parametrize("method", names_for("numerical"))
def test_a_moved_column_warns_and_a_steady_one_passes(method: str) -> None:
    (moved,) = check_column(case(MOVED, STEADY), pinned(method))
    (steady,) = check_column(case(STEADY, STEADY), pinned(method))
    assert (moved.metric, moved.status, moved.detail["drifted"]) == (method, "warning", True)
    assert (steady.metric, steady.status, steady.detail["drifted"]) == (method, "ok", False)


@pytest.mark.parametrize("method", names_for("categorical"))
def test_moved_labels_warn_and_steady_ones_pass(method: str) -> None:
    steady, moved = ["a", "b"] * 100, ["a", "b", "b", "b"] * 50
    assert check_column(case(moved, steady), pinned(method))[0].status is Status.WARNING
    assert check_column(case(steady, steady), pinned(method))[0].status is Status.OK


def test_a_measurement_says_how_it_came_about() -> None:
    (ks,) = check_column(case([*STEADY, None], [*STEADY, float("inf"), 3.0]), pinned("ks"))
    assert ks.threshold == 0.05
    assert ks.detail == {
        "method": "ks",
        "n_current": 200,
        "n_reference": 201,
        "p_value": True,
        "drifted": False,
    }
    (distance,) = check_column(case(STEADY, STEADY), ANY)
    assert "p_value" not in distance.detail


@pytest.mark.parametrize("size", [5, 200, 5_000])
@pytest.mark.parametrize("distinct", [2, 4, 200])
def test_methods_never_change_with_size_or_number_of_values(size: int, distinct: int) -> None:
    values = [float(i % distinct) for i in range(size)]
    assert check_column(case(values, values), ANY)[0].metric == "wasserstein"
    labels = [str(value) for value in values]
    assert check_column(case(labels, labels), ANY)[0].metric == "jensenshannon"


@pytest.mark.parametrize(
    ("current", "reference", "reason"),
    [
        (STEADY[:99], STEADY, "99 values in the window, 100 needed"),
        (STEADY, STEADY[:99], "99 values in the reference, 100 needed"),
        (STEADY[:99] + [None] * 50, STEADY, "99 values in the window, 100 needed"),
    ],
)
def test_f02_too_few_values_keep_their_score_and_are_not_judged(
    current: list[float | None], reference: list[float], reason: str
) -> None:
    (measured,) = check_column(case(current, reference), DriftCheck(min_rows=100))
    assert measured.value is not None
    assert measured.status is Status.INSUFFICIENT_DATA
    assert measured.detail["reason"] == reason
    assert "drifted" not in measured.detail


def test_f04_an_all_null_column_has_no_score_and_leaves_the_others_alone() -> None:
    (empty,) = check_column(case([None] * 5, STEADY), ANY)
    (other,) = check_column(case(STEADY, STEADY, name="y"), ANY)
    assert (empty.value, empty.status) == (None, Status.INSUFFICIENT_DATA)
    count, share = check_dataset([empty, other], segment="", spec=ANY)
    assert (count.value, share.value) == (0.0, 0.0)
    assert share.detail == {"judged": 1, "columns": 2}


def test_f05_a_column_that_the_reference_lacks_is_not_judged() -> None:
    (measured,) = check_column(case(STEADY, None), ANY)
    assert measured.status is Status.INSUFFICIENT_DATA
    assert measured.detail["reason"] == "the reference has no such column"
    assert measured.detail["n_reference"] == 0


def test_f08_infinities_are_left_out_of_the_score() -> None:
    (clean,) = check_column(case(MOVED, STEADY), ANY)
    (dirty,) = check_column(case([*MOVED, float("inf")], [*STEADY, float("-inf")]), ANY)
    assert clean.value == dirty.value


@pytest.mark.parametrize(
    ("method", "values", "kind"),
    [("wasserstein", ["a", "b"], "categorical"), ("z", [1.0, 2.0], "numerical")],
)
def test_f06_a_method_of_the_other_kind_is_an_error_that_says_so(
    method: str, values: list[float | str], kind: str
) -> None:
    spec = DriftCheck(columns={"x": DriftMethod(method=method)}, min_rows=1)
    (measured,) = check_column(case(values, values), spec)
    assert (measured.metric, measured.value, measured.status) == (method, None, Status.ERROR)
    assert measured.detail == {"reason": f"{method} is no method for a {kind} column"}


def test_f09_a_test_without_a_degree_of_freedom_gives_a_reason_and_no_number() -> None:
    (measured,) = check_column(case(["a"] * 9, ["a"] * 9), pinned("chisquare"))
    assert (measured.value, measured.status) == (None, Status.INSUFFICIENT_DATA)
    assert measured.detail["reason"] == "chisquare needs two labels"


@pytest.mark.parametrize("method", names_for("numerical"))
@given(
    current=st.lists(st.floats(allow_nan=True) | st.none(), max_size=25),
    reference=st.lists(st.floats(allow_nan=True) | st.none(), max_size=25),
)
def test_f09_no_input_gives_a_score_that_is_none(
    method: str, current: list[float | None], reference: list[float | None]
) -> None:
    (measured,) = check_column(case(current, reference), pinned(method))
    if measured.value is None:
        assert measured.status is Status.INSUFFICIENT_DATA
        assert measured.detail["reason"]
    else:
        assert np.isfinite(measured.value)
        assert measured.value >= 0


# Of constants these have nothing to divide by.
SPREAD_NEEDED = {"t_test", "es", "anderson"}


@pytest.mark.parametrize("method", names_for("numerical"))
def test_f15_constant_columns_have_a_defined_status(method: str) -> None:
    (same,) = check_column(case([7.0] * 40, [7.0] * 40), pinned(method))
    (other,) = check_column(case([8.0] * 40, [7.0] * 40), pinned(method))
    undefined = method in SPREAD_NEEDED
    assert same.status is (Status.INSUFFICIENT_DATA if undefined else Status.OK)
    assert other.status is Status.WARNING


@pytest.mark.parametrize(
    ("method", "current", "reference", "needed"),
    [
        ("es", [1.0, 2.0, 3.0, 4.0], STEADY, "five values on either side"),
        ("t_test", [1.0], [2.0], "three values"),
        ("anderson", [1.0], [2.0, 3.0], "four values"),
        ("cramer_von_mises", [1.0], STEADY, "two values on either side"),
        ("empirical_mmd", [1.0], STEADY, "two values on either side"),
        ("g_test", ["a", "b"], ["a", "b", "b"], "as many values in the window as in the reference"),
        ("fisher_exact", ["a", "b"], ["a", "b", "b"], "as many values in the window as in"),
        ("fisher_exact", ["a", "b"], ["a", "c"], "two labels at most"),
        ("g_test", ["a"], ["a"], "two labels"),
    ],
)
def test_f09_a_test_that_is_not_defined_says_what_it_needs(
    method: str, current: list[float], reference: list[float], needed: str
) -> None:
    (measured,) = check_column(case(current, reference), pinned(method))
    assert (measured.value, measured.status) == (None, Status.INSUFFICIENT_DATA)
    assert str(measured.detail["reason"]).startswith(f"{method} needs ")
    assert needed in str(measured.detail["reason"])


def test_a_sample_is_recorded_where_one_was_taken() -> None:
    long = [float(i % 997) for i in range(3_000)]
    (sampled,) = check_column(case(STEADY, long), pinned("empirical_mmd"))
    (whole,) = check_column(case(STEADY, STEADY), pinned("empirical_mmd"))
    assert sampled.detail["sampled"] == 1_000
    assert "sampled" not in whole.detail
    assert "sampled" not in check_column(case(STEADY, long), pinned("ks"))[0].detail


# --- the dataset ------------------------------------------------------------------------------
def columns_of(drifted: int, steady: int, segment: str = "") -> list[Measurement]:
    cases = [case(MOVED, STEADY, name=f"d{i}", segment=segment) for i in range(drifted)]
    cases += [case(STEADY, STEADY, name=f"s{i}", segment=segment) for i in range(steady)]
    return [measurement for each in cases for measurement in check_column(each, ANY)]


@pytest.mark.parametrize(
    ("drifted", "steady", "status"),
    [(1, 1, "failed"), (1, 2, "ok"), (2, 1, "failed"), (0, 3, "ok")],
)
def test_the_dataset_fails_from_its_share_of_drifted_columns_on(
    drifted: int, steady: int, status: str
) -> None:
    columns = columns_of(drifted, steady)
    measured = by_metric(check_dataset(columns, segment="", spec=ANY))
    assert measured["drifted_columns"].value == drifted
    assert measured["drifted_share"].value == drifted / (drifted + steady)
    assert (measured["drifted_share"].status, measured["drifted_share"].threshold) == (status, 0.5)


def test_one_drifted_column_of_many_makes_the_verdict_a_warning() -> None:
    columns = columns_of(1, 3)
    assert verdict([*columns, *check_dataset(columns, segment="", spec=ANY)]) is Status.WARNING


def test_segments_are_judged_apart() -> None:
    columns = [*columns_of(2, 0, "r=1"), *columns_of(0, 2, "r=2")]
    shares = [check_dataset(columns, segment=s, spec=ANY)[1] for s in ("r=1", "r=2")]
    assert [(share.segment, share.value) for share in shares] == [("r=1", 1.0), ("r=2", 0.0)]


def test_f02_a_dataset_without_a_judged_column_is_insufficient() -> None:
    few = check_column(case([1.0], STEADY), DriftCheck())
    for columns in ([], few):
        measured = check_dataset(columns, segment="", spec=DriftCheck())
        assert {(m.value, m.status) for m in measured} == {(None, Status.INSUFFICIENT_DATA)}
        assert verdict(measured) is Status.INSUFFICIENT_DATA
