"""MonitorSpec: what a monitor file may say, and what it means."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from monitoring_jobs.checks import scores
from monitoring_jobs.drift_methods import METHODS, SPELLINGS, names_for
from monitoring_jobs.spec import (
    Bound,
    Checks,
    Columns,
    FileSource,
    MonitorSpec,
    PerformanceCheck,
    json_schema,
)
from monitoring_jobs.spec_rules import TASK_METRICS
from monitoring_jobs.windows import Window, utc_text

SMALLEST: dict[str, Any] = {
    "name": "wine_quality",
    "data": {"source": "parquet", "path": "predictions/*.parquet", "timestamp": "ts"},
    "reference": {"source": "parquet", "path": "reference.parquet"},
}
# DESIGN.md's full example, every key of it.
FULL = """
name: wine_quality
description: Wine classifier behind the sommelier app
owner: ml-platform@example.com
schedule: "@daily"
window: 1d
delay: 2h
model: {name: wine_quality, alias: champion}
task: classification
data:
  source: parquet
  path: s3://predictions/wine/
  timestamp: ts
reference: {source: mlflow_artifact, path: reference.parquet}
columns:
  numerical: [alcohol, malic_acid]
  categorical: [region]
  prediction: prediction
  target: label
  id: request_id
segments: [region]
checks:
  schema: {}
  quality: {missing_share: 0.05, outlier_share: 0.05}
  drift:
    numerical: {method: wasserstein, threshold: 0.1}
    categorical: {method: jensenshannon, threshold: 0.1}
    columns: {alcohol: {method: ks, threshold: 0.05}}
    share: 0.5
    min_rows: 100
  performance: {accuracy: {min: 0.85}}
report: {when: always, rows: 20000}
publish: {pushgateway: true, webhook: false, mlflow: false}
"""


def spec_of(**keys: Any) -> MonitorSpec:
    return MonitorSpec.model_validate({**SMALLEST, **keys})


def test_three_keys_are_enough() -> None:
    spec = spec_of()
    assert str(spec.boundaries.cron) == "0 0 * * *"
    assert spec.length is None
    assert spec.checks.drift is not False
    assert spec.publish.pushgateway


def test_designs_full_example_loads() -> None:
    spec = MonitorSpec.model_validate(yaml.safe_load(FULL))
    assert spec.patience.nominal.total_seconds() == 7200
    assert spec.checks.drift is not False
    assert spec.checks.drift.method_for("alcohol", "numerical").method == "ks"
    assert spec.checks.drift.method_for("malic_acid", "numerical").limit == 0.1


def test_sql_needs_no_timestamp_where_the_query_binds_the_window() -> None:
    query = "SELECT * FROM log WHERE ts >= :start AND ts < :end"
    spec_of(data={"source": "sql", "connection": "warehouse", "query": query})
    with pytest.raises(ValidationError, match="needed to place rows in a window"):
        spec_of(data={"source": "sql", "connection": "warehouse", "query": "SELECT ts::end"})


@pytest.mark.parametrize("check", ["schema", "quality", "drift", "performance"])
def test_each_check_can_be_turned_off(check: str) -> None:
    checks = spec_of(checks={check: False}).checks
    assert getattr(checks, "schema_" if check == "schema" else check) is False


def test_a_columns_own_limit_wins_and_null_judges_nothing() -> None:
    quality = spec_of(
        checks={"quality": {"missing_share": 0.1, "columns": {"a": {"missing_share": None}}}}
    ).checks.quality
    assert quality is not False
    assert quality.limit("missing_share", "a") is None
    assert quality.limit("missing_share", "b") == 0.1
    assert quality.limit("new_category_share", "a") == 0.05


# --- F62: what a monitor file may not say ---------------------------------------------------------
@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"name": "../etc"}, "pattern"),
        ({"name": "x" * 101}, "pattern"),
        ({"schedule": "61 * * * *"}, "neither a cron"),
        ({"timezone": "Europe/Atlantis"}, "is no time zone"),
        ({"timezone": "../../etc/passwd"}, "is no time zone"),
        ({"window": "0d"}, "longer than nothing"),
        ({"window": "1 fortnight"}, "is not a duration"),
        ({"delay": "-2h"}, "is not a duration"),
        ({"model": {"name": "m", "alias": "a", "version": "1"}}, "not both"),
        ({"columns": {"target": "label"}}, "say classification or regression"),
        ({"columns": {"numerical": ["a"], "categorical": ["a"]}}, "'a' is listed twice"),
        ({"checks": {"drift": {"numerical": {"method": "ks", "threshold": -1}}}}, "greater than"),
        ({"checks": {"drift": {"share": 1.5}}}, "less than or equal to 1"),
        ({"checks": {"drift": {"min_rows": 0}}}, "greater than or equal to 1"),
        ({"checks": {"drift": {"numerical": {"method": "chisquare"}}}}, "no method for numerical"),
        ({"checks": {"drift": {"categorical": {"method": "ks"}}}}, "no method for categorical"),
        ({"checks": {"performance": {"accuracy": {}}}}, "give min or max"),
        ({"checks": {"performance": {"accuracy": {"min": 2, "max": 1}}}}, "is above max"),
        ({"reference": {"source": "mlflow_artifact", "path": "m.pkl"}}, "only .parquet and .csv"),
        ({"reference": {"source": "mlflow_artifact", "path": "r.csv"}}, "no model is named"),
        ({"reference": {"source": "trailing", "windows": 0}}, "greater than or equal to 1"),
        ({"data": {"source": "sql", "connection": "c", "timestamp": "t"}}, "query or table"),
        ({"data": {"source": "parquet", "path": "p"}}, "needed to place rows"),
        ({"report": {"rows": 1}}, "greater than or equal to 100"),
        ({"task": "regression", "columns": {"probability": "p"}}, "task: classification only"),
        ({"columns": {"probability": "p"}}, "task: classification only"),
    ],
)
def test_f62_nonsense_is_refused(keys: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(complaint)):
        spec_of(**keys)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_f62_thresholds_are_numbers(number: float) -> None:
    with pytest.raises(ValidationError, match="finite number"):
        spec_of(checks={"drift": {"numerical": {"method": "ks", "threshold": number}}})
    with pytest.raises(ValidationError, match="finite number"):
        spec_of(checks={"performance": {"mae": {"max": number}}})


@pytest.mark.parametrize("path", ["../secret.parquet", "/etc/x.csv", "a/../../b.csv"])
def test_f18_an_artifact_lies_inside_its_run(path: str) -> None:
    with pytest.raises(ValidationError, match=r"without '\.\.'"):
        spec_of(model={"name": "m"}, reference={"source": "mlflow_artifact", "path": path})


@pytest.mark.parametrize("table", ["log; DROP TABLE x", "a.b.c", '"log"', ""])
def test_f12_a_table_is_a_plain_name(table: str) -> None:
    with pytest.raises(ValidationError):
        spec_of(data={"source": "sql", "connection": "c", "table": table, "timestamp": "t"})


def test_a_methods_kind_is_judged_for_columns_of_their_own() -> None:
    with pytest.raises(ValidationError, match="is no method for categorical columns"):
        spec_of(
            columns={"categorical": ["region"]},
            checks={"drift": {"columns": {"region": {"method": "wasserstein"}}}},
        )


def test_a_predictions_method_suits_the_task() -> None:
    keys: dict[str, Any] = {
        "columns": {"prediction": "grade"},
        "checks": {"drift": {"columns": {"grade": {"method": "ks"}}}},
    }
    spec_of(task="regression", **keys)
    with pytest.raises(ValidationError, match="is no method for categorical columns"):
        spec_of(task="classification", **keys)


# --- what can never be checked --------------------------------------------------------------------
LABELS = {"target": "label", "prediction": "prediction"}


def test_the_metrics_of_a_task_are_those_that_are_measured() -> None:
    assert TASK_METRICS == scores.METRICS


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_every_metric_of_a_task_can_be_bounded(task: str) -> None:
    columns = LABELS | ({"probability": "p"} if task == "classification" else {})
    bounds = {metric: {"min": 0} for metric in (*TASK_METRICS[task], "label_coverage")}
    spec_of(task=task, columns=columns, checks={"performance": bounds})


@pytest.mark.parametrize(
    ("task", "metric"), [("regression", "accuracy"), ("classification", "rmse")]
)
def test_a_bound_on_a_metric_of_the_other_task_is_refused(task: str, metric: str) -> None:
    with pytest.raises(ValidationError, match=f"is no metric of {task}; use one of "):
        spec_of(task=task, columns=LABELS, checks={"performance": {metric: {"min": 0}}})


@pytest.mark.parametrize("metric", ["accuracy", "label_coverage"])
@pytest.mark.parametrize(
    ("keys", "lacking"),
    [
        ({"columns": LABELS}, "without task;"),
        ({"task": "classification", "columns": {"target": "label"}}, "without columns.prediction;"),
        ({"task": "classification", "columns": {"prediction": "p"}}, "without columns.target;"),
        ({}, "without task and columns.target and columns.prediction;"),
    ],
)
def test_a_bound_without_labels_is_refused(keys: dict[str, Any], lacking: str, metric: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(lacking)):
        spec_of(**keys, checks={"performance": {metric: {"min": 0.9}}})


def test_a_bound_on_a_probability_metric_needs_probabilities() -> None:
    with pytest.raises(ValidationError, match=re.escape("without columns.probability;")):
        spec_of(
            task="classification", columns=LABELS, checks={"performance": {"roc_auc": {"min": 0.9}}}
        )


@pytest.mark.parametrize("check", ["drift", "quality"])
def test_an_exception_is_for_a_column_that_is_judged(check: str) -> None:
    exception = {"method": "psi"} if check == "drift" else {"missing_share": 0.5}
    columns = {"numerical": ["alcohol"], "categorical": ["region"], "prediction": "grade"}

    def spec_with(name: str, **keys: Any) -> MonitorSpec:
        return spec_of(
            **{"columns": columns, **keys, "checks": {check: {"columns": {name: exception}}}}
        )

    for name in ("alcohol", "region", "grade"):
        spec_with(name)
    # Without lists the signature or the reference says which columns there are.
    spec_with("alcohool", columns={"prediction": "grade"})
    with pytest.raises(ValidationError, match="did you mean 'alcohol'"):
        spec_with("alcohool")
    with pytest.raises(ValidationError, match="list it under columns"):
        spec_with("xyz")


@pytest.mark.parametrize("kind", ["numerical", "categorical"])
def test_a_target_is_no_feature(kind: str) -> None:
    with pytest.raises(ValidationError, match="'label' is also listed as a feature"):
        spec_of(task="classification", columns={kind: ["label"], "target": "label"})


def test_a_target_is_not_the_prediction() -> None:
    with pytest.raises(ValidationError, match=r"'label' is also columns\.prediction"):
        spec_of(task="classification", columns={"prediction": "label", "target": "label"})


def test_parts_that_are_built_already_are_judged_together_too() -> None:
    keys: dict[str, Any] = {
        "name": "wine",
        "data": FileSource(source="parquet", path="log.parquet"),
        "reference": FileSource(source="parquet", path="reference.parquet"),
        "columns": Columns(numerical=("label",), prediction="grade"),
        "checks": Checks(performance=PerformanceCheck(accuracy=Bound(min=0.9))),
    }
    with pytest.raises(ValidationError) as caught:
        MonitorSpec(**keys)
    assert [error["loc"] for error in caught.value.errors()] == [
        ("data", "timestamp"),
        ("checks", "performance", "accuracy"),
    ]


# --- identity -------------------------------------------------------------------------------------
def test_the_hash_is_of_the_meaning_only() -> None:
    plain = spec_of()
    assert plain.spec_hash == spec_of(description="other prose", owner="else").spec_hash
    assert plain.spec_hash == spec_of(schedule="@daily", checks={"schema": {}}).spec_hash
    assert plain.spec_hash != spec_of(checks={"drift": {"share": 0.4}}).spec_hash


def test_who_computes_and_when_is_no_part_of_the_meaning() -> None:
    assert spec_of(split=8).spec_hash == spec_of(split=1).spec_hash == spec_of().spec_hash
    assert spec_of(backfill_on_first_run=30, deadline="3h").spec_hash == spec_of().spec_hash


@pytest.mark.parametrize("count", [-1, 1001, 1.5, "many"])
def test_a_first_run_fills_0_to_1000_windows(count: Any) -> None:
    assert spec_of().backfill_on_first_run == 0
    with pytest.raises(ValueError, match="backfill_on_first_run"):
        spec_of(backfill_on_first_run=count)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"deadline": "0s"}, "longer than nothing"),
        ({"deadline": "soon"}, "is not a duration"),
        ({"deadline": "2h", "delay": "2h"}, "not later than delay 2h; every run would be late"),
        ({"deadline": "90m", "delay": "2h"}, "not later than delay 2h"),
        ({"deadline": "1d", "delay": "1d"}, "not later than delay 1d"),
    ],
)
def test_a_deadline_that_every_run_would_miss_is_refused(
    keys: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValueError, match=f"deadline\n.*{problem}"):
        spec_of(**keys)


@pytest.mark.parametrize("keys", [{"deadline": "1m"}, {"deadline": "121m", "delay": "2h"}])
def test_a_deadline_after_the_delay_is_taken(keys: dict[str, Any]) -> None:
    assert spec_of().deadline is None
    assert spec_of(**keys).deadline == keys["deadline"]


@pytest.mark.parametrize("keys", [{"deadline": 3, "delay": "2h"}, {"deadline": "3h", "delay": []}])
def test_a_deadline_beside_what_cannot_be_read_adds_no_problem_of_its_own(
    keys: dict[str, Any],
) -> None:
    with pytest.raises(ValidationError) as caught:
        spec_of(**keys)
    assert caught.value.error_count() == 1


@pytest.mark.parametrize("count", [0, 65, -1, 1.5, "many"])
def test_a_window_is_split_into_1_to_64(count: Any) -> None:
    with pytest.raises(ValueError, match="split"):
        spec_of(split=count)


@given(st.permutations(list(yaml.safe_load(FULL).items())))
def test_the_hash_does_not_depend_on_the_order_of_keys(items: list[tuple[str, Any]]) -> None:
    assert (
        MonitorSpec.model_validate(dict(items)).spec_hash
        == MonitorSpec.model_validate(yaml.safe_load(FULL)).spec_hash
    )


def test_relative_paths_start_where_the_file_lies(tmp_path: Path) -> None:
    assert spec_of().located_in(tmp_path).folder == tmp_path


@pytest.mark.parametrize("kind", ["numerical", "categorical"])
def test_every_method_has_a_threshold(kind: str) -> None:
    for method in names_for(kind):
        drift = spec_of(checks={"drift": {kind: {"method": method}}}).checks.drift
        assert drift is not False
        assert drift.method_for("a", kind).limit == METHODS[method].threshold
        drift = spec_of(checks={"drift": {kind: {"method": method, "threshold": 0.7}}}).checks.drift
        assert drift is not False
        assert drift.method_for("a", kind).limit == 0.7


@pytest.mark.parametrize(("written", "own"), SPELLINGS.items())
def test_another_spelling_of_a_method_is_that_method(written: str, own: str) -> None:
    drift = {"columns": {"a": {"method": written}}}
    spec = spec_of(columns={"numerical": ["a"]}, checks={"drift": drift})
    assert spec.checks.drift is not False
    assert spec.checks.drift.columns["a"].method == own


@pytest.mark.parametrize(
    ("written", "nearest"),
    [("kss", "'ks'"), ("tvd", "'TVD'"), ("jensen_shannon", "'jensenshannon'")],
)
def test_an_unknown_method_names_the_nearest_and_lists_the_known(
    written: str, nearest: str
) -> None:
    with pytest.raises(ValidationError, match=f"did you mean {nearest}") as caught:
        spec_of(checks={"drift": {"numerical": {"method": written}}})
    assert all(method in str(caught.value) for method in METHODS)


def test_a_method_of_the_other_kind_lists_those_that_suit() -> None:
    with pytest.raises(ValidationError, match="'TVD' is no method for numerical columns") as caught:
        spec_of(checks={"drift": {"numerical": {"method": "TVD"}}})
    assert all(method in str(caught.value) for method in names_for("numerical"))


def test_the_schema_offers_every_method() -> None:
    offered = json_schema()["$defs"]["DriftMethod"]["properties"]["method"]["enum"]
    assert offered == [*METHODS, *SPELLINGS]


# --- the schema for editors -----------------------------------------------------------------------
def test_the_schema_names_every_key_of_the_full_example() -> None:
    schema = json_schema()
    assert schema["additionalProperties"] is False
    assert set(yaml.safe_load(FULL)) <= set(schema["properties"])
    assert set(schema["required"]) == {"name", "data", "reference"}


@pytest.mark.parametrize("name", ["7", 7, 0.5])
def test_the_schema_accepts_the_numbers_that_the_code_accepts(name: str | float) -> None:
    keys = {
        **SMALLEST,
        "model": {"name": "m", "version": name},
        "columns": {"positive_label": name},
    }
    spec = MonitorSpec.model_validate(keys)
    assert spec.columns.positive_label == str(name)
    assert spec.model is not None
    assert spec.model.version == str(name)
    jsonschema.validate(keys, json_schema())


@pytest.mark.parametrize("name", [True, ["7"]])
def test_the_schema_refuses_the_names_that_the_code_refuses(name: object) -> None:
    keys = {**SMALLEST, "columns": {"positive_label": name}}
    with pytest.raises(ValidationError):
        MonitorSpec.model_validate(keys)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(keys, json_schema())


def test_a_segment_that_is_listed_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="'region' is listed twice"):
        MonitorSpec.model_validate(
            {
                "name": "wine",
                "data": {"source": "parquet", "path": "log.parquet", "timestamp": "ts"},
                "reference": {"source": "parquet", "path": "reference.parquet"},
                "segments": ["region", "region"],
            }
        )


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        ({}, "2026-11-22T00:00:00Z"),
        ({"delay": "2h"}, "2026-11-22T02:00:00Z"),
        ({"delay": "2h", "deadline": "5h"}, "2026-11-22T05:00:00Z"),
        ({"schedule": "0 6 * * 1"}, "2026-11-23T06:00:00Z"),  # Mondays
        ({"timezone": "Europe/Berlin"}, "2026-11-21T23:00:00Z"),
    ],
)
def test_the_next_window_is_due_when_its_period_has_ended_and_its_rows_may_be_late(
    changes: dict[str, str], due: str
) -> None:
    window = Window(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))
    assert utc_text(spec_of(**changes).due_after(window)) == due
