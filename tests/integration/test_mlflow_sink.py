"""What is logged to MLflow: the files, their places, and that a rerun replaces them."""

from __future__ import annotations

import json
import urllib.request
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from monitoring_jobs.errors import TrackingRefused, TrackingUnavailable
from monitoring_jobs.results import Evaluation, Measurement, ModelRef, Status
from monitoring_jobs.sinks.mlflow import MlflowSink, summary
from tests.fixtures.evaluations import DAY, make_evaluation

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

PLACE = "wine_quality/20261120T000000Z--20261121T000000Z"


class Logged:
    """Takes files as MLflow does, and forgets the folder they came in."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.models: list[ModelRef] = []
        self.folders: list[Path] = []

    def __call__(self, model: ModelRef, folder: Path) -> None:
        self.models.append(model)
        self.folders.append(folder)
        for path in folder.rglob("*"):
            if path.is_file():
                self.files[path.relative_to(folder).as_posix()] = path.read_text("utf-8")


def test_evaluation_summary_and_report_are_logged_to_the_model() -> None:
    logged = Logged()
    evaluation = make_evaluation()
    MlflowSink(logged).write(evaluation, "<html>ä</html>")
    assert sorted(logged.files) == [
        f"{PLACE}/evaluation.json",
        f"{PLACE}/report.html",
        f"{PLACE}/summary.json",
    ]
    assert Evaluation.from_json(logged.files[f"{PLACE}/evaluation.json"]) == evaluation
    assert logged.files[f"{PLACE}/report.html"] == "<html>ä</html>"
    assert logged.models == [ModelRef(name="wine", version="3", alias="champion")]


def test_real_server_holds_the_files_and_a_rerun_replaces_them(
    mlflow_client: MlflowClient, mlflow_uri: str
) -> None:
    from monitoring_jobs.tracking import Tracking

    experiment = mlflow_client.create_experiment(f"sink-{uuid.uuid4().hex}")
    run_id = mlflow_client.create_run(experiment).info.run_id
    name = f"model-{uuid.uuid4().hex}"
    mlflow_client.create_registered_model(name)
    mlflow_client.create_model_version(name, f"runs:/{run_id}/model", run_id)
    sink = MlflowSink(Tracking(mlflow_uri).log_evaluation)
    for attempt in ("first", "second"):
        evaluation = make_evaluation(model=ModelRef(name=name, version="1"), attempt=attempt)
        sink.write(evaluation, f"<html>{attempt}</html>")
    place = f"monitoring/{PLACE}"
    found = {file.path for file in mlflow_client.list_artifacts(run_id, place)}
    assert found == {
        f"{place}/{file}" for file in ("evaluation.json", "report.html", "summary.json")
    }
    with urllib.request.urlopen(
        f"{mlflow_uri}/get-artifact?path={place}/report.html&run_uuid={run_id}", timeout=30
    ) as answer:
        assert answer.read() == b"<html>second</html>"


def test_without_a_report_the_numbers_are_logged() -> None:
    logged = Logged()
    MlflowSink(logged).write(make_evaluation(), None)
    assert f"{PLACE}/report.html" not in logged.files
    assert len(logged.files) == 2


def test_rerun_goes_to_the_same_place_and_other_windows_to_others() -> None:
    logged = Logged()
    MlflowSink(logged).write(make_evaluation(), None)
    MlflowSink(logged).write(make_evaluation(attempt="second"), None)
    assert len(logged.files) == 2
    assert '"second"' in logged.files[f"{PLACE}/evaluation.json"]


@pytest.mark.parametrize("error", [TrackingUnavailable("MLflow is down"), TrackingRefused("no")])
def test_error_of_the_server_reaches_the_caller_and_no_file_stays(error: Exception) -> None:
    logged = Logged()

    def fail(model: ModelRef, folder: Path) -> None:
        logged(model, folder)
        raise error

    with pytest.raises(type(error)):
        MlflowSink(fail).write(make_evaluation(), "<html></html>")
    assert not logged.folders[0].exists()


@pytest.mark.parametrize("name", ["../../x", "a/b", "", "a\0"])
def test_f18_strange_monitor_names_are_refused(name: str) -> None:
    with pytest.raises(TrackingRefused, match="not the name of a monitor"):
        MlflowSink(Logged()).write(make_evaluation(monitor=name), None)


def test_summary_answers_the_first_questions() -> None:
    found = json.loads(json.dumps(summary(make_evaluation())))
    assert found["status"] == "warning"
    assert found["window"]["start"] == DAY.start.isoformat().replace("+00:00", "Z")
    assert found["drifted_columns"] == ["alcohol"]
    assert found["metrics"]["performance.accuracy"] == 0.91
    assert found["measurements"] == {"ok": 10, "warning": 1}


def test_f11_lone_surrogates_do_not_break_the_files() -> None:
    logged = Logged()
    strange = Measurement(
        check="drift",
        metric="ks",
        column="a\ud800",
        status=Status.WARNING,
        detail={"drifted": True},
    )
    MlflowSink(logged).write(make_evaluation(measurements=(strange,)), "\udfff")
    assert logged.files[f"{PLACE}/report.html"] == "\ufffd"
