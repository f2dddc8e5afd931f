"""Which series an extraction has, whatever MLflow holds."""

from __future__ import annotations

from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from monitoring_jobs.mlflow_entities import SubjectRun, TrackingState
from monitoring_jobs.sinks.mlflow_gauges import health_registry, state_registry

NOW = datetime(2020, 5, 1, tzinfo=UTC)


def _samples(registry: CollectorRegistry) -> list[tuple[str, dict[str, str], float]]:
    text = generate_latest(registry).decode()
    return [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def test_f48_metrics_above_the_cap_are_left_out_run_by_run_and_counted() -> None:
    runs = (
        SubjectRun(experiment="a", model_name="m", alias="champion", metrics={"x": 1, "y": 2}),
        SubjectRun(experiment="b", metrics={f"m{n}": n for n in range(9)}, duration_seconds=5),
        SubjectRun(experiment="c", metrics={"x": 3}),
    )

    samples = _samples(state_registry(TrackingState(observed_at=NOW, runs=runs), max_series=3))

    pushed = [(labels["experiment"], value) for n, labels, value in samples if n == "mlflow_metric"]
    assert pushed == [("a", 1), ("a", 2), ("c", 3)]
    assert ("mlflow_series_left_out", {}, 9) in samples


def test_label_values_of_any_kind_come_out_as_they_are() -> None:
    odd = 'a"b\\c\nd é </script>'
    state = TrackingState(
        observed_at=NOW,
        runs=(SubjectRun(experiment=odd, metrics={odd: 1.5}),),
        finished={(odd, "FINISHED"): 2},
        versions=((odd, "1", odd),),
    )

    samples = _samples(state_registry(state))

    assert [labels["metric"] for name, labels, _ in samples if name == "mlflow_metric"] == [odd]
    assert ("mlflow_runs_finished_total", {"experiment": odd, "status": "FINISHED"}, 2) in samples


def test_nothing_extracted_still_says_so() -> None:
    names = {name for name, _, _ in _samples(state_registry(TrackingState(observed_at=NOW)))}

    assert {"mlflow_experiments", "mlflow_last_extraction_timestamp_seconds"} <= names


def test_failure_says_when_and_whether_the_server_was_up() -> None:
    failed = "mlflow_last_extraction_failure_timestamp_seconds"

    assert _samples(health_registry(up=True)) == [("mlflow_up", {}, 1)]
    assert _samples(health_registry(up=False, failed_at=NOW)) == [
        ("mlflow_up", {}, 0),
        (failed, {}, NOW.timestamp()),
    ]
