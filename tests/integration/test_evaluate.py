"""The job evaluate through its public face, on real files."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_jobs import Evaluation, Measurement, Settings, Status, Window, evaluate
from monitoring_jobs.errors import (
    EmptyWindow,
    InvalidSettings,
    MissingDependency,
    ReferenceMissing,
    UnreadableDataset,
)
from monitoring_jobs.monitor_files import load_monitor
from monitoring_jobs.reports.store import ReportStore
from tests.fixtures.monitors import DAY, sample, write_monitor_file

LABELS = {
    "numerical": ["alcohol", "malic_acid"],
    "categorical": ["region"],
    "prediction": "prediction",
    "target": "label",
    "id": "request_id",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(
        report_store=str(tmp_path / "store"), cache_dir=tmp_path / "cache", mlflow_tracking_uri=None
    )


def judge(path: Path, settings: Settings, window: Window = DAY, **arguments) -> Evaluation:
    return evaluate(load_monitor(path), window, settings, report=False, **arguments)


def find(evaluation: Evaluation, metric: str, column: str = "", segment: str = "") -> Measurement:
    (found,) = [
        m
        for m in evaluation.measurements
        if (m.metric, m.column, m.segment) == (metric, column, segment)
    ]
    return found


def test_a_clean_day_is_ok_and_every_number_says_where_it_comes_from(make_monitor, settings):
    evaluation = judge(make_monitor(owner="team@example.com"), settings)
    assert evaluation.status is Status.OK
    assert (evaluation.rows.current, evaluation.rows.reference) == (400, 1200)
    assert len(evaluation.reference_id) == 32
    assert evaluation.owner == "team@example.com"
    assert evaluation.sinks == ("postgres", "pushgateway")
    score = find(evaluation, "wasserstein", "alcohol")
    assert score.threshold == 0.1
    assert score.detail["n_current"] == 400
    assert evaluation == ReportStore.open(settings.report_store).get("wine_quality", DAY)


def test_a_shifted_day_fails_by_the_share_of_drifted_columns(make_monitor, settings):
    shifted = sample(400, seed=1, shift=2.0)
    evaluation = judge(make_monitor(current=shifted, columns={"numerical": ["alcohol"]}), settings)
    assert evaluation.status is Status.FAILED
    assert find(evaluation, "wasserstein", "alcohol").status is Status.WARNING
    assert find(evaluation, "drifted_share").status is Status.FAILED


def test_f01_a_window_without_rows_is_insufficient_data_and_renders_nothing(make_monitor, settings):
    later = Window(DAY.end, DAY.end + timedelta(days=1))
    evaluation = evaluate(load_monitor(make_monitor()), later, settings, report=True)
    assert evaluation.status is Status.INSUFFICIENT_DATA
    assert evaluation.rows.current == 0
    assert evaluation.report is None
    assert find(evaluation, "rows").value == 0


def test_f01_a_window_without_rows_has_no_segments(make_monitor, settings):
    later = Window(DAY.end, DAY.end + timedelta(days=1))
    evaluation = judge(make_monitor(segments=["region"]), settings, later)
    assert evaluation.status is Status.INSUFFICIENT_DATA
    assert {m.segment for m in evaluation.measurements} == {""}


def test_f01_a_day_whose_partition_was_never_written_is_insufficient_data(tmp_path, settings):
    folder = tmp_path / "monitors"
    log = folder / "data/wine/log/date=2026-11-20"
    log.mkdir(parents=True)
    pq.write_table(sample(1000), log / "part.parquet")
    pq.write_table(sample(3000, seed=3), folder / "data/wine/reference.parquet")
    path = write_monitor_file(
        folder, "wine", data={"source": "parquet", "path": "data/wine/log/", "timestamp": "ts"}
    )
    tomorrow = Window(DAY.end, DAY.end + timedelta(days=1))
    assert judge(path, settings, tomorrow).status is Status.INSUFFICIENT_DATA
    assert judge(path, settings).status is Status.OK


def test_f02_few_rows_keep_their_numbers_and_get_no_verdict(make_monitor, settings):
    evaluation = judge(make_monitor(current=sample(20, seed=1, shift=5.0)), settings)
    assert evaluation.status is Status.INSUFFICIENT_DATA
    assert find(evaluation, "rows").value == 20
    assert find(evaluation, "wasserstein", "alcohol").status is Status.INSUFFICIENT_DATA


def test_f03_an_empty_reference_names_the_monitor(make_monitor, settings):
    path = make_monitor(reference=sample(0))
    with pytest.raises(ReferenceMissing, match="wine_quality"):
        judge(path, settings)
    assert ReportStore.open(settings.report_store).monitors() == []


@pytest.mark.parametrize("kind", [pa.float64(), pa.null()])
def test_f04_an_all_null_column_is_judged_alone(make_monitor, settings, kind):
    holed = sample(400, seed=1)
    position = holed.schema.get_field_index("malic_acid")
    holed = holed.set_column(position, "malic_acid", pa.nulls(400, kind))
    evaluation = judge(make_monitor(current=holed), settings)
    assert find(evaluation, "wasserstein", "malic_acid").status is Status.INSUFFICIENT_DATA
    assert find(evaluation, "missing_share", "malic_acid").status is Status.FAILED
    assert find(evaluation, "wasserstein", "alcohol").status is Status.OK
    assert find(evaluation, "type_changes").value == 0


def test_f05_a_missing_column_fails_and_the_others_are_judged(make_monitor, settings):
    evaluation = judge(make_monitor(current=sample(400, seed=1).drop(["malic_acid"])), settings)
    assert evaluation.status is Status.FAILED
    assert find(evaluation, "missing_column", "malic_acid").status is Status.FAILED
    assert find(evaluation, "wasserstein", "alcohol").status is Status.OK


def test_f05_a_new_column_warns(make_monitor, settings):
    wider = sample(400, seed=1).append_column("color", pa.array(["red"] * 400))
    evaluation = judge(make_monitor(current=wider), settings)
    assert find(evaluation, "new_column", "color").status is Status.WARNING
    assert evaluation.status is Status.WARNING


def test_f06_a_number_that_became_text_has_no_statistic(make_monitor, settings):
    table = sample(400, seed=1)
    position = table.schema.get_field_index("alcohol")
    texts = pa.array([str(value) for value in table["alcohol"].to_pylist()])
    evaluation = judge(make_monitor(current=table.set_column(position, "alcohol", texts)), settings)
    changed = find(evaluation, "type_changed", "alcohol")
    assert changed.status is Status.FAILED
    assert changed.detail["expected"] == "numerical"
    assert {m.check for m in evaluation.measurements if m.column == "alcohol"} == {"schema"}


def test_f15_one_value_and_one_row_divide_by_nothing(make_monitor, settings):
    table = sample(1, seed=1)
    columns = {"numerical": ["alcohol", "malic_acid"], "categorical": ["region"]}
    evaluation = judge(
        make_monitor(
            current=table, reference=table, columns=columns, checks={"drift": {"min_rows": 1}}
        ),
        settings,
    )
    assert find(evaluation, "wasserstein", "alcohol").value == 0
    assert find(evaluation, "jensenshannon", "region").value == 0


def test_f17_a_truncated_file_leaves_no_partial_result(make_monitor, settings):
    path = make_monitor()
    log = path.parent / "data/wine_quality/log.parquet"
    log.write_bytes(log.read_bytes()[:2000])
    with pytest.raises(UnreadableDataset, match=r"log\.parquet"):
        judge(path, settings)
    assert ReportStore.open(settings.report_store).monitors() == []


def test_f26_the_same_window_twice_gives_the_same_measurements(make_monitor, settings):
    path = make_monitor(segments=["region"])
    first = judge(path, settings)
    again = judge(path, replace_cache(settings))
    assert json.dumps([m.as_dict() for m in first.measurements]) == json.dumps(
        [m.as_dict() for m in again.measurements]
    )
    assert again.attempt != first.attempt
    assert ReportStore.open(settings.report_store).windows("wine_quality") == [DAY]


def replace_cache(settings: Settings) -> Settings:
    return settings.model_copy(update={"cache_dir": settings.cache_dir.with_name("other-cache")})


def test_f21_a_window_without_time_is_refused_before_any_read():
    with pytest.raises(EmptyWindow, match="give a start before the end"):
        Window(DAY.start, DAY.start)


def test_f23_late_rows_replace_the_earlier_verdict(make_monitor, settings):
    early = judge(make_monitor(current=sample(50, seed=1)), settings)
    assert early.status is Status.INSUFFICIENT_DATA
    late = judge(make_monitor(current=sample(400, seed=1)), settings)
    store = ReportStore.open(settings.report_store)
    assert store.windows("wine_quality") == [DAY]
    assert store.get("wine_quality", DAY) == late
    assert late.computed_at > early.computed_at


def test_segments_are_judged_beside_the_whole_window(make_monitor, settings):
    table = sample(3000, seed=1)
    north = np.array(table["region"].to_pylist()) == "north"
    position = table.schema.get_field_index("alcohol")
    moved = pa.array(np.where(north, 30.0, table["alcohol"].to_numpy()))
    evaluation = judge(
        make_monitor(current=table.set_column(position, "alcohol", moved), segments=["region"]),
        settings,
    )
    assert find(evaluation, "rows", segment="region=north").value == north.sum()
    north_score = find(evaluation, "wasserstein", "alcohol", "region=north")
    south_score = find(evaluation, "wasserstein", "alcohol", "region=south")
    assert (north_score.status, south_score.status) == (Status.WARNING, Status.OK)
    rows = [m.value for m in evaluation.measurements if m.metric == "rows" and m.segment]
    assert sum(rows) == 3000


def test_more_segments_than_the_limit_are_named_not_dropped_in_silence(make_monitor, settings):
    table = sample(400, seed=1)
    position = table.schema.get_field_index("region")
    codes = pa.array([f"r{n % 60:02}" for n in range(400)])
    evaluation = judge(
        make_monitor(
            current=table.set_column(position, "region", codes),
            segments=["region"],
            columns={"numerical": ["alcohol"]},
        ),
        settings,
    )
    assert find(evaluation, "segments_left_out", "region").status is Status.WARNING
    assert len({m.segment for m in evaluation.measurements}) == 51


def test_a_segments_own_column_takes_no_part_in_its_share_of_drift(make_monitor, settings):
    path = make_monitor(
        current=sample(3000, seed=1), reference=sample(6000, seed=2), segments=["region"]
    )
    evaluation = judge(path, settings)
    assert find(evaluation, "drifted_share").detail["columns"] == 3
    assert find(evaluation, "drifted_share", segment="region=north").detail["columns"] == 2


def test_a_segments_rows_are_counted_on_both_sides(make_monitor, settings):
    reference = sample(1200, seed=2)
    evaluation = judge(make_monitor(reference=reference, segments=["region"]), settings)
    north = reference["region"].to_pylist().count("north")
    assert find(evaluation, "rows", segment="region=north").detail["reference"] == north


def test_a_reference_without_the_segments_column_leaves_the_segments_unjudged(
    make_monitor, settings
):
    path = make_monitor(
        reference=sample(1200, seed=2).drop(["region"]),
        segments=["region"],
        columns={"numerical": ["alcohol"]},
        checks={"schema": False},
    )
    evaluation = judge(path, settings)
    inside = find(evaluation, "wasserstein", "alcohol", "region=north")
    assert inside.status is Status.INSUFFICIENT_DATA
    assert find(evaluation, "wasserstein", "alcohol").status is Status.OK


def test_a_partition_column_may_be_feature_and_segment(tmp_path, settings):
    folder = tmp_path / "monitors"
    for region, seed in (("north", 1), ("south", 2)):
        part = folder / f"data/wine/log/date=2026-11-20/region={region}"
        part.mkdir(parents=True)
        pq.write_table(sample(600, seed=seed).drop(["region"]), part / "part.parquet")
    reference = sample(1200, seed=3)
    position = reference.schema.get_field_index("region")
    halves = pa.array(["north", "south"] * 600)
    reference = reference.set_column(position, "region", halves)
    pq.write_table(reference, folder / "data/wine/reference.parquet")
    path = write_monitor_file(
        folder,
        "wine",
        data={"source": "parquet", "path": "data/wine/log/", "timestamp": "ts"},
        segments=["region"],
    )
    evaluation = judge(path, settings)
    assert find(evaluation, "missing_columns").value == 0
    assert find(evaluation, "new_columns").value == 0
    assert find(evaluation, "jensenshannon", "region").value == pytest.approx(0, abs=1e-9)
    assert find(evaluation, "rows", segment="region=north").value == 600


@pytest.mark.parametrize("role", ["prediction", "target", "id", "segment"])
def test_f06_a_role_column_of_the_wrong_type_costs_only_what_needs_it(make_monitor, settings, role):
    table = sample(400, seed=1)
    name = {"prediction": "score", "target": "paid", "id": "request_id", "segment": "region"}[role]
    lists = pa.array([[1.0]] * 400)
    for column in ("score", "paid"):
        table = table.append_column(column, pa.array(np.arange(400.0)))
    table = table.set_column(table.schema.get_field_index(name), name, lists)
    path = make_monitor(
        current=table,
        task="regression",
        columns={
            "numerical": ["alcohol"],
            "prediction": "score",
            "target": "paid",
            "id": "request_id",
        },
        segments=["region"],
    )
    evaluation = judge(path, settings)
    bad = [m for m in evaluation.measurements if m.status in (Status.ERROR, Status.FAILED)]
    assert {m.column for m in bad if m.column} == {name}
    assert find(evaluation, "wasserstein", "alcohol").status is Status.OK


@pytest.mark.parametrize("schema", [{}, False])
def test_a_feature_that_no_check_can_read_is_an_error_not_a_silence(make_monitor, settings, schema):
    binary = pa.array([b"x"] * 400)
    table = sample(400, seed=1).append_column("code", binary)
    path = make_monitor(
        current=table,
        reference=sample(1200, seed=2).append_column("code", pa.array([b"y"] * 1200)),
        columns={"numerical": ["alcohol"], "categorical": ["code"]},
        checks={"schema": schema},
    )
    evaluation = judge(path, settings)
    assert find(evaluation, "unreadable_column", "code").status is Status.ERROR
    assert evaluation.status is Status.ERROR


def test_a_missing_feature_is_told_even_where_the_schema_check_is_off(make_monitor, settings):
    path = make_monitor(current=sample(400, seed=1).drop(["malic_acid"]), checks={"schema": False})
    assert find(judge(path, settings), "unreadable_column", "malic_acid").status is Status.ERROR


def test_a_target_that_neither_side_has_warns_instead_of_waiting_for_ever(make_monitor, settings):
    path = make_monitor(task="classification", columns={**LABELS, "target": "lable"})
    evaluation = judge(path, settings)
    assert find(evaluation, "labels", "lable").status is Status.WARNING


def test_a_missing_prediction_is_an_error_of_performance(make_monitor, settings):
    path = make_monitor(
        current=sample(400, seed=1).drop(["prediction"]),
        task="classification",
        columns=LABELS,
        checks={"schema": False},
    )
    assert find(judge(path, settings), "labels", "prediction").status is Status.ERROR


def test_a_target_that_changed_its_type_is_named(make_monitor, settings):
    table = sample(400, seed=1)
    position = table.schema.get_field_index("label")
    words = pa.array(["yes" if label else "no" for label in table["label"].to_pylist()])
    path = make_monitor(
        current=table.set_column(position, "label", words), task="classification", columns=LABELS
    )
    assert find(judge(path, settings), "type_changed", "label").status is Status.FAILED


def test_the_log_may_write_its_times_otherwise_than_the_reference(make_monitor, settings):
    table = sample(400, seed=1)
    position = table.schema.get_field_index("ts")
    texts = pa.array([moment.isoformat() for moment in table["ts"].to_pylist()])
    evaluation = judge(make_monitor(current=table.set_column(position, "ts", texts)), settings)
    assert find(evaluation, "type_changes").value == 0
    assert evaluation.status is Status.OK


def test_f24_rows_outside_the_window_are_counted_and_rows_without_a_time_warn(
    make_monitor, settings
):
    table = sample(900, seed=1, start=DAY.start - timedelta(days=1), days=3)
    position = table.schema.get_field_index("ts")
    moments = table["ts"].to_pylist()
    moments[:50] = [None] * 50
    holed = table.set_column(position, "ts", pa.array(moments, pa.timestamp("us", "UTC")))
    evaluation = judge(make_monitor(current=holed), settings)
    counted = {
        metric: find(evaluation, metric).value
        for metric in ("rows", "rows_before", "rows_after", "rows_without_timestamp")
    }
    assert counted == {
        "rows": 300,
        "rows_before": 250,
        "rows_after": 300,
        "rows_without_timestamp": 50,
    }
    assert find(evaluation, "rows_without_timestamp").status is Status.WARNING
    assert evaluation.status is Status.WARNING


def test_performance_is_measured_where_labels_are(make_monitor, settings):
    path = make_monitor(
        task="classification", columns=LABELS, checks={"performance": {"accuracy": {"min": 0.99}}}
    )
    evaluation = judge(path, settings)
    accuracy = find(evaluation, "accuracy")
    assert accuracy.value == pytest.approx(0.9, abs=0.05)
    assert accuracy.status is Status.FAILED
    assert evaluation.status is Status.FAILED


def test_a_day_without_one_of_three_classes_is_judged_as_one_of_three(make_monitor, settings):
    reference = sample(1200, seed=2)
    position = reference.schema.get_field_index("label")
    three = pa.array([n % 3 for n in range(1200)])
    path = make_monitor(
        reference=reference.set_column(position, "label", three),
        task="classification",
        columns=LABELS,
        segments=["region"],
    )
    evaluation = judge(path, settings)
    averages = {m.detail["average"] for m in evaluation.measurements if m.metric == "f1"}
    assert averages == {"macro"}


def test_late_labels_leave_the_verdict_to_the_other_checks(make_monitor, settings):
    unlabelled = sample(400, seed=1).drop(["label"])
    path = make_monitor(current=unlabelled, task="classification", columns=LABELS)
    evaluation = judge(path, settings)
    assert find(evaluation, "accuracy").status is Status.INSUFFICIENT_DATA
    assert find(evaluation, "label_coverage").value == 0
    assert evaluation.status is Status.OK


def test_a_trailing_reference_never_holds_the_window_under_test(make_monitor, settings):
    week = sample(2800, seed=4, start=DAY.start - timedelta(days=6), days=7)
    path = make_monitor(current=week, reference={"source": "trailing", "windows": 3})
    evaluation = judge(path, settings)
    assert (evaluation.rows.current, evaluation.rows.reference) == (400, 1200)
    earlier = Window(DAY.start - timedelta(days=1), DAY.start)
    assert judge(path, settings, earlier).reference_id != evaluation.reference_id


def test_a_reference_in_mlflow_without_a_server_names_the_variable(make_monitor, settings):
    path = make_monitor(
        model={"name": "wine", "alias": "champion"},
        reference={"source": "mlflow_artifact", "path": "reference.parquet"},
    )
    with pytest.raises(InvalidSettings, match="MLFLOW_TRACKING_URI"):
        judge(path, settings)


def test_features_that_only_mlflow_knows_are_not_guessed(make_monitor, settings):
    path = make_monitor(model={"name": "wine", "alias": "champion"}, columns=None)
    with pytest.raises(InvalidSettings, match=r"features from MLflow.*list them under columns"):
        judge(path, settings)


def test_without_evidently_the_report_is_missed_before_the_work(
    make_monitor, settings, monkeypatch
):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r"monitoring-jobs\[reports\]"):
        evaluate(load_monitor(make_monitor()), DAY, settings)
    assert judge(make_monitor(), settings).status is Status.OK


def test_a_csv_window_of_digits_is_judged_as_the_labels_that_the_file_declares(
    make_monitor, settings
):
    path = make_monitor(
        data={"source": "csv", "path": "data/wine_quality/log.csv", "timestamp": "ts"},
        columns={"categorical": ["code"]},
        reference=sample(900, seed=2).append_column("code", pa.array(["10", "20", "A1"] * 300)),
    )
    rows = "".join(f"2026-11-20T06:00:00Z,{10 + 10 * (n % 2)}\n" for n in range(200))
    (path.parent / "data/wine_quality/log.csv").write_text("ts,code\n" + rows)
    evaluation = judge(path, settings)
    assert find(evaluation, "type_changes").value == 0
    assert find(evaluation, "new_category_share", "code").value == 0


def test_the_threads_setting_changes_no_number(make_monitor, settings):
    path = make_monitor(segments=["region"], task="classification", columns=LABELS)
    one = judge(path, settings.model_copy(update={"threads": 1}))
    four = judge(path, replace_cache(settings.model_copy(update={"threads": 4})))
    assert one.measurements == four.measurements


def test_a_report_that_fails_costs_no_measurement(make_monitor, settings, monkeypatch):
    from monitoring_jobs.reports import rendering

    def break_down(*_args, **_kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(rendering, "render", break_down)
    evaluation = evaluate(load_monitor(make_monitor()), DAY, settings)
    assert evaluation.report is None
    failed = find(evaluation, "rendered")
    assert (failed.check, failed.status) == ("report", Status.ERROR)
    assert evaluation.status is Status.ERROR
    assert find(evaluation, "wasserstein", "alcohol").status is Status.OK


@pytest.mark.parametrize(("shift", "rendered"), [(0.0, False), (2.0, True)])
def test_on_alert_renders_nothing_on_a_good_day(
    make_monitor, settings, monkeypatch, shift, rendered
):
    from monitoring_jobs.reports import rendering

    monkeypatch.setattr(rendering, "render", lambda *_a, **_k: "<html></html>")
    path = make_monitor(
        current=sample(400, seed=1, shift=shift), report={"when": "on_alert", "rows": 100}
    )
    evaluation = evaluate(load_monitor(path), DAY, settings)
    assert (evaluation.report is not None) is rendered
    assert evaluation.rows.sampled == (100 if rendered else 0)


def test_an_older_attempt_never_replaces_a_newer_one(make_monitor, settings):
    from monitoring_jobs.errors import StaleAttempt

    path = make_monitor()
    newer = judge(path, settings)
    with pytest.raises(StaleAttempt):
        judge(path, settings, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert ReportStore.open(settings.report_store).get("wine_quality", DAY) == newer


def test_out_writes_the_two_files_of_the_contract(make_monitor, settings, tmp_path, monkeypatch):
    from monitoring_jobs.reports import rendering

    monkeypatch.setattr(rendering, "render", lambda *_a, **_k: "<html></html>")
    out = tmp_path / "out"
    evaluation = evaluate(load_monitor(make_monitor()), DAY, settings, out=out)
    assert sorted(p.name for p in out.iterdir()) == ["evaluation.json", "report.html"]
    stored = Evaluation.from_json((out / "evaluation.json").read_text())
    assert stored == replace(evaluation, report="report.html")
    assert ReportStore.open(settings.report_store).monitors() == []


def test_the_prediction_is_judged_but_counts_for_no_share_of_drift(make_monitor, settings):
    flipped = sample(400, seed=1)
    position = flipped.schema.get_field_index("prediction")
    flipped = flipped.set_column(position, "prediction", pa.array(["maybe"] * 400))
    steady = sample(1200, seed=2)
    words = pa.array([("no", "yes")[label] for label in steady["prediction"].to_pylist()])
    reference = steady.set_column(position, "prediction", words)
    evaluation = judge(
        make_monitor(
            current=flipped,
            reference=reference,
            columns={"numerical": ["alcohol", "malic_acid"], "prediction": "prediction"},
            checks={"quality": False},
        ),
        settings,
    )
    score = find(evaluation, "jensenshannon", "prediction")
    assert score.status is Status.WARNING
    assert score.detail["role"] == "prediction"
    assert find(evaluation, "drifted_share").value == 0


def test_quantiles_of_predictions_say_how_many_do_not_exceed_them(make_monitor, settings):
    day, scores = sample(400, seed=1), [0.0] * 150 + [n / 8 for n in range(250)]
    day = day.append_column("score", pa.array(scores))
    columns = {"numerical": ["alcohol"], "prediction": "score"}
    evaluation = judge(make_monitor(current=day, reference=day, columns=columns), settings)
    for metric in ("q05", "q25", "q50", "q75", "q95"):
        quantile = find(evaluation, metric, "score")
        assert quantile.detail["at_or_below"] == sum(s <= quantile.value for s in scores)
        assert "at_or_below" not in find(evaluation, metric, "alcohol").detail
