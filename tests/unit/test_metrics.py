"""The catalog of metrics is true: what it says is pushed, and nothing else is."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from pydantic import BaseModel

from monitoring_jobs.checks import drift, quality
from monitoring_jobs.checks.performance import LabelledRows, check_performance
from monitoring_jobs.metrics import PUSHED, RESERVED, Kind, Metric, metrics_page
from monitoring_jobs.mlflow_entities import SubjectRun, TrackingState
from monitoring_jobs.results import Measurement, RowCounts, Status
from monitoring_jobs.sinks.gauges import evaluation_registry, failure_registry
from monitoring_jobs.sinks.mlflow_gauges import health_registry, state_registry
from monitoring_jobs.sinks.registry import Registry
from monitoring_jobs.spec import Checks
from tests.fixtures.evaluations import make_evaluation
from tests.unit.checks.cases import case

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
ROWS = 40
CHECKS = Checks.model_validate(
    {
        "quality": {"score": 0.9},
        "drift": {"columns": {"tested": {"method": "ks"}}, "min_rows": 1},
        "performance": {
            "min_labels": 1,
            **{
                metric: {"min": 0.1}
                for metric in ("precision", "recall", "f1", "roc_auc", "r2", "label_coverage")
            },
            **{metric: {"max": 9} for metric in ("log_loss", "mae", "rmse", "mape")},
            "accuracy": {"min": 0.5, "max": 0.99},
        },
    }
)
# The names that dashboards and alerts of the earlier systems ask for.
EARLIER = """
    model_accuracy model_precision model_recall model_f1_score
    data_drift_detected data_drift_score data_drift_pvalue drift_columns_count drift_columns_share
    evidently_data_drift_detected evidently_drift_score
    data_quality_score missing_values_count data_completeness outliers_count
    evidently_missing_values_ratio
    daily_predictions_total model_predictions_total prediction_value_distribution
    model_prediction_value prediction_success_total prediction_failure_total
    model_prediction_errors_total
    monitoring_last_success_timestamp_seconds monitoring_last_failure_timestamp_seconds
    monitoring_window_end_timestamp_seconds monitoring_evaluation_duration_seconds monitoring_rows
    monitoring_status monitoring_peak_memory_bytes
    mlflow_metric mlflow_accuracy mlflow_loss mlflow_f1_score mlflow_run_duration_seconds
    mlflow_runs_finished_total mlflow_experiments mlflow_experiment_created_total
    model_version_info mlflow_up
    api_requests_total api_request_duration_seconds api_request_latency_seconds api_active_requests
    active_requests http_requests_total http_request_duration_seconds http_requests_throughput
    prediction_latency_seconds model_prediction_latency_seconds model_inference_time_seconds
    model_memory_usage_bytes model_load_time_seconds system_cpu_usage system_ram_usage
    system_memory_usage_mb system_disk_usage mlflow_model_request_duration_seconds
    mlflow_predictions_total
"""


def measurements(*, caveat: bool = False) -> tuple[Measurement, ...]:
    """Return what the real checks say of two features, a prediction and labels of either task."""
    assert CHECKS.drift
    assert CHECKS.quality
    least = ROWS + 1 if caveat else 1
    values = [float(n) for n in range(ROWS)]
    columns = [
        measurement
        for name in ("scored", "tested")
        for own in [case(values, values, name=name)]
        for measurement in (
            *quality.check_column(own, CHECKS.quality, least),
            *drift.check_column(own, CHECKS.drift, least),
        )
    ]
    predictions = quality.check_column(
        case(values, values, name="prediction"), CHECKS.quality, least
    )
    whole = quality.check_dataset(
        segment="",
        rows_current=ROWS,
        rows_reference=ROWS,
        min_rows=least,
        duplicates=None,
        columns=columns,
        spec=CHECKS.quality,
    )
    found = [
        *columns,
        *(replace(m, detail={**m.detail, "role": "prediction"}) for m in predictions),
        *whole,
        *drift.check_dataset(columns, segment="", spec=CHECKS.drift),
        *(() if caveat else performance()),
    ]
    return tuple({m.key: m for m in found}.values())


def performance() -> Iterator[Measurement]:
    assert CHECKS.performance
    labels, numbers = ["a", "b"] * (ROWS // 2), [1.0, 2.0] * (ROWS // 2)
    classes = LabelledRows(
        task="classification",
        target=pa.array(labels),
        prediction=pa.array(["b", *labels[1:]]),
        probabilities=pa.array([0.4, 0.9] * (ROWS // 2)),
    )
    amounts = LabelledRows(
        task="regression", target=pa.array(numbers), prediction=pa.array([1.5, *numbers[1:]])
    )
    for rows in (classes, amounts):
        judged = check_performance(rows, segment="", spec=CHECKS.performance)
        yield from (m for m in judged if m.status is not Status.SKIPPED)


def evaluated(**changes: Any) -> Registry:
    evaluation = make_evaluation(
        measurements=measurements(),
        rows=RowCounts(current=ROWS, reference=ROWS),
        owner="wine@example.com",
        due_at=NOW,
        **changes,
    )
    return evaluation_registry(evaluation, NOW)


def extracted() -> Registry:
    run = SubjectRun(experiment="e", metrics={"auc": 0.8}, duration_seconds=5)
    return state_registry(
        TrackingState(
            observed_at=NOW,
            runs=(run,),
            finished={("e", "FINISHED"): 1},
            versions=(("m", "1", "champion"),),
        )
    )


def shapes(registries: Iterable[Registry]) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """Return the type, help text and labels of every family that has series."""
    found = {}
    for family in (family for registry in registries for family in registry.collect()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {tuple(key for key in sample.labels if key != "le") for sample in family.samples}
        assert len(labels) == 1, name
        found[name] = (family.type, family.documentation, labels.pop())
    return found


def thresholds(registry: Registry) -> dict[tuple[str, str, str], float]:
    return {
        (own["metric"], own["bound"], own["feature"]): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "monitoring_threshold"
        for own in [sample.labels]
    }


def test_what_is_pushed_is_what_the_catalog_says_and_the_other_way_round() -> None:
    pushed = shapes(
        [
            evaluated(),
            failure_registry("wine_quality", NOW),
            extracted(),
            health_registry(up=False, failed_at=NOW),
        ]
    )
    assert pushed == {m.name: (str(m.kind), m.help, m.labels) for m in PUSHED.values()}


@pytest.mark.parametrize("name", EARLIER.split())
def test_no_name_of_the_earlier_systems_is_lost(name: str) -> None:
    catalog = {**PUSHED, **RESERVED}
    aliases = {alias.name for metric in catalog.values() for alias in metric.aliases}
    assert name in catalog or name in aliases


@pytest.mark.parametrize("metric", [*PUSHED.values(), *RESERVED.values()], ids=lambda m: m.name)
def test_every_metric_is_named_as_prometheus_asks_and_says_its_unit(metric: Metric) -> None:
    assert re.fullmatch("[a-z][a-z0-9_]*", metric.name)
    assert metric.name.endswith("_total") or metric.kind is not Kind.COUNTER
    assert metric.help == f"{metric.meaning} [{metric.unit}]"
    assert metric.unit
    assert metric.formula
    assert "`" not in metric.help
    assert not re.search(r"[|\n]", metric.help + metric.formula)


def test_earlier_names_are_recorded_as_the_page_says() -> None:
    rules = Path(__file__).parents[2] / "docker" / "prometheus" / "rules" / "aliases.yml"
    groups = yaml.safe_load(rules.read_text())["groups"]
    recorded = {rule["record"]: rule["expr"] for group in groups for rule in group["rules"]}
    catalog = (*PUSHED.values(), *RESERVED.values())
    assert recorded == dict(pair for metric in catalog for pair in metric.recordings)


def test_reserved_names_are_nobodys() -> None:
    assert not PUSHED.keys() & RESERVED.keys()


# --- thresholds -----------------------------------------------------------------------------------
def test_every_judged_metric_comes_with_what_its_monitor_file_allows() -> None:
    found = thresholds(evaluated())
    assert {metric for metric, _, _ in found} == {m.name for m in PUSHED.values() if m.limit}
    expected = {
        ("model_accuracy", "min", ""): 0.5,
        ("model_accuracy", "max", ""): 0.99,
        ("model_rmse", "max", ""): 9,
        ("model_label_coverage", "min", ""): 0.1,
        ("data_drift_score", "max", "scored"): 0.1,
        ("data_drift_score", "min", "tested"): 0.05,
        ("drift_columns_share", "max", ""): 0.5,
        ("data_quality_score", "min", ""): 0.9,
        ("evidently_missing_values_ratio", "max", "prediction"): 0.2,
    }
    assert {key: found[key] for key in expected} == expected
    assert ("model_rmse", "min", "") not in found


def test_f01_what_was_not_judged_has_neither_value_nor_threshold() -> None:
    few = make_evaluation(
        measurements=measurements(caveat=True), status=Status.INSUFFICIENT_DATA, due_at=None
    )
    pushed = shapes([evaluation_registry(few, NOW)])
    always = {"daily_predictions_total", "model_predictions_total"}
    assert {name for name in pushed if not name.startswith("monitoring_")} == always
    assert "monitoring_threshold" not in pushed
    assert "monitoring_next_due_timestamp_seconds" not in pushed


def test_f48_thresholds_of_columns_count_among_their_series() -> None:
    evaluation = make_evaluation(measurements=measurements())
    # 2 features of 6 and 7 series with 2 thresholds each, and the prediction's 4 with 1.
    whole = evaluation_registry(evaluation, NOW, max_series=22)
    cut = evaluation_registry(evaluation, NOW, max_series=21)
    for registry, columns, left_out in ((whole, True, 0), (cut, False, 22)):
        values = {s.name: s.value for family in registry.collect() for s in family.samples}
        assert values["monitoring_series_left_out"] == left_out
        assert ("data_drift_score" in values) is columns
        assert any(feature for _, _, feature in thresholds(registry)) is columns
        assert ("drift_columns_share", "max", "") in thresholds(registry)


@pytest.mark.parametrize("metric", [m for m in PUSHED.values() if m.limit], ids=lambda m: m.name)
def test_the_key_of_a_threshold_is_one_of_the_monitor_file(metric: Metric) -> None:
    assert metric.limit is not None
    part: Any = CHECKS
    first, *keys = metric.limit.key.split(".")
    assert first == "checks"
    for key in keys:
        assert isinstance(part, BaseModel)
        assert key in type(part).model_fields
        part = getattr(part, key)


# --- what Prometheus makes of it ------------------------------------------------------------------
def test_expressions_of_the_page_and_of_earlier_names_are_promql(tmp_path: Path) -> None:
    blocks = re.findall(r"^```promql\n(.*?)^```", metrics_page(), re.MULTILINE | re.DOTALL)
    expressions = [example for block in blocks for example in block.split("\n\n")]
    rules = [{"record": f"example:{n}", "expr": text} for n, text in enumerate(expressions)]
    assert rules
    for metric in (*PUSHED.values(), *RESERVED.values()):
        rules += [{"record": name, "expr": text} for name, text in metric.recordings]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "examples", "rules": rules}]}))
    done = subprocess.run(
        ["promtool", "check", "rules", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"{len(rules)} rules found" in done.stdout
