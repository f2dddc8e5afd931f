"""Models, artifacts and searches, asked of a real MLflow server."""

from __future__ import annotations

import json
import os
import pickle
import traceback
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from monitoring_jobs.errors import InvalidSettings, TrackingRefused
from monitoring_jobs.mlflow_entities import ModelVersion
from monitoring_jobs.results import ModelRef
from monitoring_jobs.spec import ModelSpec
from monitoring_jobs.tracking import Tracking

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


@pytest.fixture
def tracking(mlflow_uri: str) -> Tracking:
    return Tracking(mlflow_uri, timeout_seconds=30, retries=1)


@pytest.fixture
def experiment(mlflow_client: MlflowClient) -> str:
    return mlflow_client.create_experiment(f"tracking-{uuid.uuid4().hex}")


@pytest.fixture
def run_id(mlflow_client: MlflowClient, experiment: str) -> str:
    return mlflow_client.create_run(experiment).info.run_id


def _register(
    client: MlflowClient, run_id: str, *, model_id: str = "", name: str = "", versions: int = 1
) -> ModelVersion:
    name = name or f"model-{uuid.uuid4().hex}"
    source = f"models:/{model_id}" if model_id else f"runs:/{run_id}/model"
    client.create_registered_model(name)
    for _ in range(versions):
        client.create_model_version(name, source, run_id, model_id=model_id or None)
    return ModelVersion(name=name, version=str(versions), run_id=run_id)


def _with_mlmodel(client: MlflowClient, run_id: str, text: str) -> ModelVersion:
    client.log_text(run_id, text, "model/MLmodel")
    return _register(client, run_id)


# --- resolve ------------------------------------------------------------------------------------
def test_alias_resolves_to_the_version_it_points_at(
    mlflow_client: MlflowClient, tracking: Tracking, run_id: str
) -> None:
    model = _register(mlflow_client, run_id, versions=2)
    mlflow_client.set_registered_model_alias(model.name, "champion", "1")

    found = tracking.resolve(ModelSpec(name=model.name, alias="champion"))

    assert (found.version, found.alias, found.run_id) == ("1", "champion", run_id)


def test_version_resolves_by_its_number(
    mlflow_client: MlflowClient, tracking: Tracking, run_id: str
) -> None:
    model = _register(mlflow_client, run_id, versions=2)

    assert tracking.resolve(ModelSpec(name=model.name, version="1")).version == "1"


def test_newest_version_is_taken_where_neither_is_given(
    mlflow_client: MlflowClient, tracking: Tracking, run_id: str
) -> None:
    model = _register(mlflow_client, run_id, name=f"it's {uuid.uuid4()}", versions=11)

    found = tracking.resolve(ModelSpec(name=model.name))

    assert (found.version, found.alias) == ("11", None)


def test_unknown_alias_names_the_known_ones(
    mlflow_client: MlflowClient, tracking: Tracking, run_id: str
) -> None:
    model = _register(mlflow_client, run_id)
    mlflow_client.set_registered_model_alias(model.name, "challenger", "1")

    with pytest.raises(TrackingRefused, match=r"no alias 'champion' \(aliases: challenger\)"):
        tracking.resolve(ModelSpec(name=model.name, alias="champion"))


@pytest.mark.parametrize("alias", [None, "champion"])
def test_f51_unknown_model_is_refused_by_name(tracking: Tracking, alias: str | None) -> None:
    with pytest.raises(TrackingRefused, match="nobody"):
        tracking.resolve(ModelSpec(name="nobody", alias=alias))


def test_f51_unknown_version_is_refused(
    mlflow_client: MlflowClient, tracking: Tracking, run_id: str
) -> None:
    model = _register(mlflow_client, run_id)

    with pytest.raises(TrackingRefused, match="version=7"):
        tracking.resolve(ModelSpec(name=model.name, version="7"))


def test_model_without_versions_is_refused(mlflow_client: MlflowClient, tracking: Tracking) -> None:
    name = f"empty-{uuid.uuid4().hex}"
    mlflow_client.create_registered_model(name)

    with pytest.raises(TrackingRefused, match="has no version"):
        tracking.resolve(ModelSpec(name=name))


# --- signature ----------------------------------------------------------------------------------
SIGNED = """
artifact_path: model
flavors: {python_function: {loader_module: os, code: "!!python/object/apply:os.system [exit]"}}
signature:
  inputs: '[{"type": "double", "name": "alcohol", "required": true}, {"type": "long",
    "name": "age"}, {"type": "string", "name": "region"}, {"type": "boolean", "name": "organic"},
    {"type": "datetime", "name": "bottled"}, {"type": "binary", "name": "photo"}]'
  outputs: null
"""
FEATURES = [
    ("alcohol", "numerical"),
    ("age", "numerical"),
    ("region", "categorical"),
    ("organic", "categorical"),
]


def test_signature_supplies_the_features_in_order(
    mlflow_client: MlflowClient, tracking: Tracking, run_id: str
) -> None:
    signature = tracking.signature(_with_mlmodel(mlflow_client, run_id, SIGNED))

    assert signature is not None
    assert list(signature.inputs.items()) == FEATURES


def test_signature_of_a_logged_model_is_read_from_where_it_lies(
    mlflow_uri: str,
    mlflow_client: MlflowClient,
    tracking: Tracking,
    experiment: str,
    run_id: str,
    tmp_path: Path,
) -> None:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    logged = mlflow_client.create_logged_model(experiment, name="wine", source_run_id=run_id)
    (tmp_path / "MLmodel").write_text(SIGNED)
    repository = get_artifact_repository(logged.artifact_location, tracking_uri=mlflow_uri)
    repository.log_artifacts(str(tmp_path))
    mlflow_client.finalize_logged_model(logged.model_id, "READY")
    version = _register(mlflow_client, run_id, model_id=logged.model_id)

    signature = tracking.signature(version)

    assert signature is not None
    assert list(signature.inputs.items()) == FEATURES


def test_signature_of_named_tensors_supplies_the_flat_ones(
    mlflow_client: MlflowClient, tracking: Tracking, run_id: str
) -> None:
    tensors = [
        {"name": "age", "type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}},
        {"name": "city", "type": "tensor", "tensor-spec": {"dtype": "object", "shape": [-1, 1]}},
        {"name": "image", "type": "tensor", "tensor-spec": {"dtype": "uint8", "shape": [-1, 8]}},
    ]
    content = yaml.safe_dump({"signature": {"inputs": json.dumps(tensors)}})

    signature = tracking.signature(_with_mlmodel(mlflow_client, run_id, content))

    assert signature is not None
    assert dict(signature.inputs) == {"age": "numerical", "city": "categorical"}


@pytest.mark.parametrize(
    "content",
    ["artifact_path: model", "signature: null", "signature: {inputs: null}", "[]"],
)
def test_model_without_signature_has_none(
    mlflow_client: MlflowClient, tracking: Tracking, run_id: str, content: str
) -> None:
    assert tracking.signature(_with_mlmodel(mlflow_client, run_id, content)) is None


@pytest.mark.parametrize(
    "content",
    [
        "signature: {inputs: 'no json'}",
        "signature: {inputs: '[1]'}",
        "a: [",
        "!!python/object/apply:os.system ['exit 1']",
    ],
)
def test_f56_hostile_or_broken_mlmodel_is_refused_and_never_run(
    mlflow_client: MlflowClient, tracking: Tracking, run_id: str, content: str
) -> None:
    with pytest.raises(TrackingRefused, match=r"MLmodel of model-.* is not readable"):
        tracking.signature(_with_mlmodel(mlflow_client, run_id, content))


def test_model_whose_files_are_gone_is_refused(
    mlflow_client: MlflowClient, tracking: Tracking, run_id: str
) -> None:
    with pytest.raises(TrackingRefused, match="there is no MLmodel"):
        tracking.signature(_register(mlflow_client, run_id))


# --- artifacts ----------------------------------------------------------------------------------
def test_download_fetches_a_data_file_and_leaves_nothing_else(
    mlflow_client: MlflowClient, tracking: Tracking, run_id: str, tmp_path: Path
) -> None:
    mlflow_client.log_text(run_id, "a,b\n1,2\n", "data/reference.csv")

    path = tracking.download(run_id, "data/reference.csv", tmp_path / "new")

    assert path == tmp_path / "new" / "reference.csv"
    assert path.read_text() == "a,b\n1,2\n"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "name", ["model.pkl", "model.joblib", "model/MLmodel", "x.parquet.pkl", "weights.pt", "x"]
)
def test_f56_pickles_and_models_are_never_downloaded(
    mlflow_client: MlflowClient, tracking: Tracking, run_id: str, tmp_path: Path, name: str
) -> None:
    (tmp_path / Path(name).name).write_bytes(pickle.dumps([1]))
    mlflow_client.log_artifact(run_id, str(tmp_path / Path(name).name))

    with pytest.raises(TrackingRefused, match=r"not one of \.parquet, \.csv, \.json"):
        tracking.download(run_id, name, tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_f56_artifact_above_the_size_cap_is_refused_before_it_is_fetched(
    mlflow_client: MlflowClient, tracking: Tracking, run_id: str, tmp_path: Path
) -> None:
    mlflow_client.log_text(run_id, "x" * 2000, "big.csv")

    with pytest.raises(TrackingRefused, match="has 2000 bytes, more than the 1999 allowed"):
        tracking.download(run_id, "big.csv", tmp_path, max_bytes=1999)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["../../x.csv", "/etc/x.csv", "a/../../x.csv", "s3://b/x.csv"])
def test_f18_artifact_path_out_of_the_run_is_refused(
    tracking: Tracking, run_id: str, tmp_path: Path, path: str
) -> None:
    with pytest.raises(TrackingRefused, match="outside the run"):
        tracking.download(run_id, path, tmp_path)


def test_missing_artifact_is_refused_with_what_is_there(
    mlflow_client: MlflowClient, tracking: Tracking, run_id: str, tmp_path: Path
) -> None:
    mlflow_client.log_text(run_id, "a", "other.csv")

    with pytest.raises(TrackingRefused, match=r"no artifact 'x\.csv'.*there: other\.csv"):
        tracking.download(run_id, "x.csv", tmp_path)


def test_f51_unknown_run_is_refused(tracking: Tracking, tmp_path: Path) -> None:
    with pytest.raises(TrackingRefused, match="f" * 32):
        tracking.download("f" * 32, "x.csv", tmp_path)


def test_logged_files_lie_below_the_artifact_path(
    mlflow_client: MlflowClient, tracking: Tracking, run_id: str, tmp_path: Path
) -> None:
    (tmp_path / "report.html").write_text("<p>")

    tracking.log_files(run_id, tmp_path, "monitoring")

    files = [file.path for file in mlflow_client.list_artifacts(run_id, "monitoring")]
    assert files == ["monitoring/report.html"]


def test_evaluation_is_logged_to_the_run_of_the_version_that_was_judged(
    mlflow_client: MlflowClient, tracking: Tracking, experiment: str, run_id: str, tmp_path: Path
) -> None:
    model = _register(mlflow_client, run_id)
    later = mlflow_client.create_run(experiment).info.run_id
    mlflow_client.create_model_version(model.name, f"runs:/{later}/model", run_id=later)
    mlflow_client.set_registered_model_alias(model.name, "champion", "2")
    (tmp_path / "evaluation.json").write_text("{}")

    tracking.log_evaluation(ModelRef(name=model.name, version="1", alias="champion"), tmp_path)

    assert [f.path for f in mlflow_client.list_artifacts(run_id)] == ["monitoring"]
    assert mlflow_client.list_artifacts(later) == []


# --- searches -----------------------------------------------------------------------------------
def test_f52_all_pages_of_runs_are_read_oldest_first(
    mlflow_client: MlflowClient, tracking: Tracking, experiment: str
) -> None:
    made = [mlflow_client.create_run(experiment, start_time=t).info.run_id for t in range(9, 0, -1)]
    mlflow_client.delete_run(made[4])

    pages = list(tracking.runs([experiment], page_size=4))

    assert [len(page) for page in pages] == [4, 4, 1]
    assert [run.run_id for page in pages for run in page] == made[::-1]
    assert {run.run_id for page in pages for run in page if run.lifecycle_stage == "deleted"} == {
        made[4]
    }


def test_f53_run_without_end_and_metrics_that_are_no_numbers_are_kept(
    mlflow_client: MlflowClient, tracking: Tracking, experiment: str, run_id: str
) -> None:
    for name, value in {"nan": float("nan"), "inf": float("inf"), "low": -float("inf")}.items():
        mlflow_client.log_metric(run_id, name, value)
    mlflow_client.log_metric(run_id, "loss", 0.5, step=1)
    mlflow_client.log_metric(run_id, "loss", 0.25, step=2)
    mlflow_client.log_param(run_id, "long", "x" * 6000)

    [[run]] = tracking.runs([experiment])

    assert (run.status, run.ended_at) == ("RUNNING", None)
    assert {metric.name: metric.value for metric in run.metrics} == {
        "nan": None,
        "inf": None,
        "low": None,
        "loss": 0.25,
    }
    assert run.params == {"long": "x" * 6000}


def test_more_experiments_than_one_search_takes_are_searched_in_turn(
    mlflow_client: MlflowClient, tracking: Tracking, experiment: str, run_id: str
) -> None:
    unknown = [str(10_000_000 + number) for number in range(250)]

    pages = tracking.runs([*unknown, experiment])

    assert [run.run_id for page in pages for run in page] == [run_id]


def test_f51_run_that_is_gone_is_left_out_of_those_asked_by_id(
    tracking: Tracking, experiment: str, run_id: str
) -> None:
    known = [(run_id, experiment), ("0" * 32, experiment), ("'; --", experiment)]

    assert [run.run_id for page in tracking.runs_by_id(known) for run in page] == [run_id]


def test_registry_is_read_with_aliases_and_deleted_experiments_are_seen(
    mlflow_client: MlflowClient, tracking: Tracking, experiment: str, run_id: str
) -> None:
    model = _register(mlflow_client, run_id, versions=2)
    mlflow_client.set_registered_model_alias(model.name, "champion", "2")
    mlflow_client.delete_experiment(experiment)

    models = {found.name: found for page in tracking.registered_models() for found in page}
    versions = [v for page in tracking.model_versions() for v in page if v.name == model.name]
    experiments = {e.experiment_id: e for page in tracking.experiments() for e in page}

    assert models[model.name].aliases == {"champion": "2"}
    assert sorted(v.version for v in versions) == ["1", "2"]
    assert experiments[experiment].lifecycle_stage == "deleted"


# --- the process it runs in -----------------------------------------------------------------------
def test_environment_of_the_process_is_left_as_it_was(mlflow_uri: str, run_id: str) -> None:
    before = dict(os.environ)
    tracking = Tracking(mlflow_uri.replace("//", "//someone:secret@"), timeout_seconds=7)

    with pytest.raises(TrackingRefused):
        tracking.resolve(ModelSpec(name="nobody"))

    assert dict(os.environ) == before


@pytest.mark.parametrize("uri", ["", "mlruns", "sqlite:///x.db", "file:///x", "http://", "host:1"])
def test_address_that_is_no_server_is_refused_without_being_shown(uri: str) -> None:
    with pytest.raises(InvalidSettings, match="MLFLOW_TRACKING_URI") as caught:
        Tracking(uri)

    assert not uri or uri not in str(caught.value).replace("http://host:port", "")


@pytest.mark.parametrize(
    "rest",
    [
        "p/s3cr3t-canary@127.0.0.1:1",
        "12/s3cr3t-canary@127.0.0.1:1",
        "p?s3cr3t-canary@127.0.0.1:1",
        "p#s3cr3t-canary@127.0.0.1:1",
        "p@s3cr3t-canary@127.0.0.1:1",
        "s3cr3t-canary",
        "s3cr3t-canary@[::1",
        "s3cr3t-canary@127.0.0.1:port",
    ],
)
def test_f63_password_that_is_not_percent_encoded_is_refused_without_being_shown(rest: str) -> None:
    with pytest.raises(InvalidSettings, match="percent-encode the password") as caught:
        Tracking(f"http://canary-user:{rest}")

    shown = "".join(traceback.format_exception(caught.value, chain=True))
    assert "canary" not in str(caught.value)
    assert "s3cr3t" not in shown.replace(repr(rest), "")


def test_f63_password_that_is_percent_encoded_is_not_part_of_the_server() -> None:
    assert Tracking("http://u:p%2Fs%40t@127.0.0.1:1/x/").server == "http://127.0.0.1:1/x"
