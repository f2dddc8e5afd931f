"""Quality of columns and of the whole window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_jobs.checks.quality import check_column, check_dataset
from monitoring_jobs.results import Measurement, Status, verdict
from monitoring_jobs.spec import QualityCheck
from tests.unit.checks.cases import by_metric, case

NAN, INF = float("nan"), float("inf")


def column(measurements: list[Measurement]) -> dict[str, float | None]:
    return {metric: m.value for metric, m in by_metric(measurements).items()}


def dataset(
    columns: list[Measurement],
    *,
    rows: int = 10,
    min_rows: int = 1,
    duplicates: tuple[int, int] | None = None,
    segment: str = "",
    spec: QualityCheck | None = None,
) -> dict[str, Measurement]:
    return by_metric(
        check_dataset(
            segment=segment,
            rows_current=rows,
            rows_reference=10,
            min_rows=min_rows,
            duplicates=duplicates,
            columns=columns,
            spec=spec or QualityCheck(),
        )
    )


def test_numbers_are_described_and_held_against_the_reference() -> None:
    current = [1.0, 2.0, 3.0, 4.0, 50.0, None, NAN, INF]
    numbers = column(check_column(case(current, [1.0, 2.0, 3.0, 4.0, 5.0]), QualityCheck()))
    assert numbers == {
        "missing_count": 2,
        "missing_share": 2 / 8,
        "distinct": 5,
        "constant": 0,
        "infinite_count": 1,
        "infinite_share": 1 / 8,
        "min": 1,
        "max": 50,
        "mean": 12,
        "std": pytest.approx(np.std([1, 2, 3, 4, 50], ddof=1)),
        "q05": pytest.approx(1.2),
        "q25": 2,
        "q50": 3,
        "q75": 4,
        "q95": pytest.approx(40.8),
        "outlier_count": 2,
        "outlier_share": 2 / 6,
        "out_of_range_share": 2 / 6,
    }


def test_fences_and_range_are_the_references_and_include_their_ends() -> None:
    reference = [0.0, 1.0, 2.0, 3.0, 4.0]  # quartiles 1 and 3, fences -2 and 6
    measured = by_metric(check_column(case([-2.0, 6.0, -2.1, 4.0], reference), QualityCheck()))
    assert measured["outlier_count"].value == 1
    assert measured["outlier_count"].detail == {"lower": -2.0, "upper": 6.0}
    assert measured["out_of_range_share"].value == 3 / 4
    assert measured["out_of_range_share"].detail == {"lower": 0.0, "upper": 4.0}


def test_labels_are_counted_and_held_against_the_reference() -> None:
    current = ["a", "a", "new", None, "other"]
    measured = by_metric(check_column(case(current, ["a", "b", None]), QualityCheck()))
    assert {metric: m.value for metric, m in measured.items()} == {
        "missing_count": 1,
        "missing_share": 1 / 5,
        "distinct": 3,
        "constant": 0,
        "new_category_share": 2 / 4,
    }
    assert measured["new_category_share"].detail == {"new_categories": 2}
    assert measured["new_category_share"].status is Status.FAILED


def test_f14_a_thousand_new_labels_are_one_measurement() -> None:
    current = [f"id-{i}" for i in range(1_000)]
    assert len(check_column(case(current, ["id-0"]), QualityCheck())) == 5


@pytest.mark.parametrize(("limit", "status"), [(0.25, "ok"), (0.24, "failed"), (None, "ok")])
def test_a_share_passes_up_to_its_limit(limit: float | None, status: str) -> None:
    spec = QualityCheck(missing_share=limit)
    share = by_metric(check_column(case([1.0, None, 2.0, 3.0], [1.0, 2.0]), spec))["missing_share"]
    assert (share.status, share.threshold) == (status, limit)


@pytest.mark.parametrize(("limit", "status"), [(0.9, "ok"), (0.89, "failed"), (None, "ok")])
def test_f08_infinite_values_are_judged_by_the_limit_of_missing_ones(
    limit: float | None, status: str
) -> None:
    spec = QualityCheck(columns={"x": {"missing_share": limit}})
    measured = by_metric(check_column(case([INF, -INF, INF] * 3 + [1.0], [1.0, 2.0]), spec))
    share = measured["infinite_share"]
    assert (share.value, share.status, share.threshold) == (0.9, status, limit)
    assert (measured["missing_share"].value, measured["missing_share"].status) == (0.0, "ok")


def test_f08_infinite_values_lower_the_score_even_without_a_reference() -> None:
    columns = check_column(case([INF, None, 1.0, 2.0], None), QualityCheck())
    assert dataset(columns)["data_quality_score"].value == 0.5


def test_a_columns_own_limit_wins_even_when_it_lifts_the_limit() -> None:
    spec = QualityCheck(missing_share=0.0, columns={"x": {"missing_share": None}})
    current = case([1.0, None], [1.0])
    assert by_metric(check_column(current, spec))["missing_share"].status is Status.OK
    other = case([1.0, None], [1.0], name="y")
    assert by_metric(check_column(other, spec))["missing_share"].status is Status.FAILED


@pytest.mark.parametrize(
    ("reference", "status"), [([1.0, 2.0], "warning"), ([1.0, 1.0], "ok"), (None, "ok")]
)
def test_f15_a_constant_column_warns_only_if_it_used_to_vary(
    reference: list[float] | None, status: str
) -> None:
    constant = by_metric(check_column(case([5.0, 5.0], reference), QualityCheck()))["constant"]
    assert (constant.value, constant.status) == (1.0, status)


def test_f15_a_single_value_has_no_deviation_and_says_so() -> None:
    std = by_metric(check_column(case([5.0], [1.0, 2.0]), QualityCheck()))["std"]
    assert (std.value, std.status) == (None, Status.INSUFFICIENT_DATA)
    assert std.detail == {"reason": "1 finite values, 2 needed"}


@pytest.mark.parametrize("reference", [[1.0, 2.0], ["a", "b"]])
def test_f04_an_all_null_column_is_all_missing_and_nothing_else(reference: list[object]) -> None:
    measured = by_metric(check_column(case([None, None], reference), QualityCheck()))
    assert measured["missing_share"].value == 1.0
    assert measured["missing_share"].status is Status.FAILED
    unknown = {metric for metric, m in measured.items() if m.value is None}
    assert unknown >= {"constant"}
    assert all(measured[metric].status is Status.INSUFFICIENT_DATA for metric in unknown)


@pytest.mark.parametrize("reference", [None, [], [None, NAN]])
def test_f05_without_reference_values_nothing_is_compared(reference: list[float] | None) -> None:
    measured = by_metric(check_column(case([1.0, 2.0], reference), QualityCheck()))
    for metric in ("outlier_count", "outlier_share", "out_of_range_share"):
        assert measured[metric].value is None
        assert measured[metric].status is Status.INSUFFICIENT_DATA
        assert "reference" in str(measured[metric].detail["reason"])
    assert measured["mean"].status is Status.OK


def test_f02_few_rows_keep_their_values_and_are_not_judged() -> None:
    measured = check_column(case([None, 9.0], [1.0, 2.0]), QualityCheck(), 3)
    assert by_metric(measured)["missing_share"].value == 0.5
    assert {m.status for m in measured} == {Status.INSUFFICIENT_DATA}
    reasons = {str(m.detail["reason"]) for m in measured if m.value is not None}
    assert reasons == {"2 rows in the window, 3 needed"}


def test_f02_a_small_reference_judges_no_outliers() -> None:
    measured = by_metric(check_column(case([1.0] * 5, [1.0, 2.0]), QualityCheck(), 3))
    assert measured["missing_share"].status is Status.OK
    assert measured["outlier_share"].status is Status.INSUFFICIENT_DATA
    assert measured["outlier_share"].value == 0.0


def test_f01_a_window_without_rows_is_insufficient_and_counted_as_zero() -> None:
    columns = check_column(case([], [1.0, 2.0]), QualityCheck(), 100)
    measured = dataset(columns, rows=0, min_rows=100, duplicates=(0, 0))
    assert measured["rows"].value == 0.0
    assert {m.status for m in [*columns, *measured.values()]} == {Status.INSUFFICIENT_DATA}
    assert verdict([*columns, *measured.values()]) is Status.INSUFFICIENT_DATA


def test_f09_numbers_too_large_for_a_float64_are_absent() -> None:
    measured = by_metric(check_column(case([1.7e308, 1.7e308], [1.0]), QualityCheck()))
    assert measured["mean"].value is None
    assert measured["mean"].detail == {"reason": "too large for a float64"}
    assert measured["max"].value == 1.7e308


@given(
    st.lists(st.one_of(st.none(), st.floats(allow_nan=True)), max_size=20),
    st.lists(st.one_of(st.none(), st.floats(allow_nan=True)), max_size=20),
)
def test_f09_no_input_gives_a_number_that_is_none(
    current: list[float | None], reference: list[float | None]
) -> None:
    measured = by_metric(check_column(case(current, reference), QualityCheck()))
    absent = {m.status for m in measured.values() if m.value is None}
    assert absent <= {Status.INSUFFICIENT_DATA}
    counted = measured["missing_count"].value + measured["infinite_count"].value
    assert counted <= len(current)


# --- the dataset ------------------------------------------------------------------------------
def test_the_score_is_the_mean_share_of_usable_values() -> None:
    columns = [
        # 1 of 4 missing, and of the 3 others 1 out of range: half of the rows are usable.
        *check_column(case([1.0, 2.0, 9.0, None], [1.0, 2.0]), QualityCheck()),
        # 1 of 4 new: three quarters are.
        *check_column(case(["a", "a", "b", "new"], ["a", "b"], name="y"), QualityCheck()),
    ]
    assert dataset(columns)["data_quality_score"].value == pytest.approx((0.5 + 0.75) / 2)
    repeated = dataset(columns, duplicates=(10, 2))
    assert repeated["data_quality_score"].value == pytest.approx((0.5 + 0.75) / 2 * 0.8)
    assert "missing_share" in str(repeated["data_quality_score"].detail["formula"])


@given(
    st.lists(st.sampled_from([1.0, 2.0, 99.0, INF, NAN, None]), min_size=1, max_size=12),
    st.lists(st.sampled_from(["a", "z", None]), min_size=1, max_size=12),
)
def test_the_score_is_that_of_counting_usable_cells(
    numbers: list[float | None], labels: list[str | None]
) -> None:
    columns = [
        *check_column(case(numbers, [1.0, 2.0]), QualityCheck()),
        *check_column(case(labels, ["a"], name="y"), QualityCheck()),
    ]
    usable = [sum(v in (1.0, 2.0) for v in numbers) / len(numbers), labels.count("a") / len(labels)]
    score = dataset(columns)["data_quality_score"].value
    assert score == pytest.approx(sum(usable) / 2, abs=1e-12)


@pytest.mark.parametrize(("least", "status"), [(None, "ok"), (0.75, "ok"), (0.76, "failed")])
def test_the_score_is_judged_where_the_file_says_so(least: float | None, status: str) -> None:
    columns = check_column(case(["a", "a", "b", "new"], ["a", "b"]), QualityCheck())
    score = dataset(columns, spec=QualityCheck(score=least))["data_quality_score"]
    assert (score.status, score.threshold) == (status, least)


def test_other_segments_and_checks_do_not_enter_the_score() -> None:
    own = check_column(case([1.0], [1.0], segment="r=1"), QualityCheck())
    other = check_column(case([None], [1.0], segment="r=2"), QualityCheck())
    drift = Measurement(
        check="drift", metric="missing_share", column="x", segment="r=1", value=1, status=Status.OK
    )
    measured = dataset([*own, *other, drift], segment="r=1")
    assert measured["data_quality_score"].value == 1.0
    assert {m.segment for m in measured.values()} == {"r=1"}


@pytest.mark.parametrize(
    ("duplicates", "share", "status"),
    [((100, 1), 0.01, "ok"), ((100, 2), 0.02, "failed"), ((0, 0), None, "insufficient_data")],
)
def test_repeated_ids_are_counted_and_judged(
    duplicates: tuple[int, int], share: float | None, status: str
) -> None:
    measured = dataset([], duplicates=duplicates)
    assert measured["duplicate_ids"].value == duplicates[1]
    assert (measured["duplicate_share"].value, measured["duplicate_share"].status) == (
        share,
        status,
    )


def test_without_ids_nothing_is_said_of_duplicates() -> None:
    assert [*dataset([])] == ["rows", "data_quality_score"]


def test_f02_rows_below_the_least_make_the_window_insufficient() -> None:
    rows = dataset([], rows=9, min_rows=10)["rows"]
    assert (rows.value, rows.threshold, rows.status) == (9, 10, Status.INSUFFICIENT_DATA)
    assert rows.detail == {"reference": 10, "reason": "9 rows in the window, 10 needed"}
