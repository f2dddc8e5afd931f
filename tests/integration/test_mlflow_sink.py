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


def registered(client: MlflowClient) -> tuple[str, str]:
    """Register version 1 of a new model; return its name and run."""
    experiment = client.create_experiment(f"sink-{uuid.uuid4().hex}")
    run_id = str(client.create_run(experiment).info.run_id)
    name = f"model-{uuid.uuid4().hex}"
    client.create_registered_model(name)
    client.create_model_version(name, f"runs:/{run_id}/model", run_id)
    return name, run_id


def fetched(server: str, run_id: str, artifact: str) -> str:
    url = f"{server}/get-artifact?path={artifact}&run_uuid={run_id}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.read().decode())


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

    name, run_id = registered(mlflow_client)
    sink = MlflowSink(Tracking(mlflow_uri).log_evaluation)
    for attempt in ("first", "second"):
        evaluation = make_evaluation(model=ModelRef(name=name, version="1"), attempt=attempt)
        sink.write(evaluation, f"<html>{attempt}</html>")
    place = f"monitoring/{PLACE}"
    found = {file.path for file in mlflow_client.list_artifacts(run_id, place)}
    assert found == {
        f"{place}/{file}" for file in ("evaluation.json", "report.html", "summary.json")
    }
    assert fetched(mlflow_uri, run_id, f"{place}/report.html") == "<html>second</html>"


def test_f26_real_server_shows_no_older_report_beside_a_rerun_without_one(
    mlflow_client: MlflowClient, mlflow_uri: str
) -> None:
    from monitoring_jobs.tracking import Tracking

    name, run_id = registered(mlflow_client)
    sink = MlflowSink(Tracking(mlflow_uri).log_evaluation)
    place = f"monitoring/{PLACE}"
    model = ModelRef(name=name, version="1")
    sink.write(make_evaluation(model=model, attempt="first"), "<html>first</html>")
    assert fetched(mlflow_uri, run_id, f"{place}/report.html") == "<html>first</html>"
    sink.write(make_evaluation(model=model, attempt="second"), None)
    stored = Evaluation.from_json(fetched(mlflow_uri, run_id, f"{place}/evaluation.json"))
    assert stored.attempt == "second"
    page = fetched(mlflow_uri, run_id, f"{place}/report.html")
    assert "No report was rendered for this attempt" in page
    assert "first" not in page


def test_without_a_report_the_numbers_are_logged_and_a_page_says_so() -> None:
    logged = Logged()
    MlflowSink(logged).write(make_evaluation(), None)
    assert "No report was rendered" in logged.files[f"{PLACE}/report.html"]
    assert len(logged.files) == 3


def test_rerun_goes_to_the_same_place_and_other_windows_to_others() -> None:
    logged = Logged()
    MlflowSink(logged).write(make_evaluation(), None)
    MlflowSink(logged).write(make_evaluation(attempt="second"), None)
    assert len(logged.files) == 3
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
