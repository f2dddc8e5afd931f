"""What an MLflow server that fails, or is not one, comes out as."""

from __future__ import annotations

import json
import socket
import traceback
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from monitoring_jobs.errors import MonitoringError, TrackingRefused, TrackingUnavailable
from monitoring_jobs.spec import ModelSpec
from monitoring_jobs.tracking import Tracking
from tests.fixtures.http_server import RecordingServer, recording_server
from tests.fixtures.object_storage import Bucket

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

SECRET = "canary-f63"
ANY = ModelSpec(name="wine", alias="champion")


@pytest.fixture
def server(mlflow_environment: dict[str, str]) -> Iterator[RecordingServer]:
    with recording_server() as running:
        yield running


def _error(url: str, *, timeout_seconds: int = 5, retries: int = 0) -> MonitoringError:
    secretive = url.replace("://", f"://someone:{SECRET}@")
    tracking = Tracking(secretive, timeout_seconds=timeout_seconds, retries=retries)
    with pytest.raises((TrackingUnavailable, TrackingRefused)) as caught:
        tracking.resolve(ANY)
    assert "\n" not in str(caught.value)
    # F63: neither the message nor the traceback of --debug shows the password.
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in repr(tracking)
    assert isinstance(caught.value, MonitoringError)
    return caught.value


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_f50_server_errors_may_pass(server: RecordingServer, status: int) -> None:
    server.answer(status, body=b"<html>upstream</html>")

    assert isinstance(_error(server.url), TrackingUnavailable)


def test_f50_server_error_in_mlflows_own_words_may_pass(server: RecordingServer) -> None:
    body = {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "database is locked"}
    server.answer(503, body=json.dumps(body).encode())

    assert isinstance(_error(server.url), TrackingUnavailable)


def test_f50_wish_to_be_asked_again_in_an_hour_holds_nobody_up(server: RecordingServer) -> None:
    server.answer(503, Retry_After="3600")

    assert isinstance(_error(server.url, retries=1), TrackingUnavailable)
    assert len(server.requests) == 2


def test_f50_slow_server_may_pass(server: RecordingServer) -> None:
    server.answer(0)

    error = _error(server.url, timeout_seconds=1)

    assert isinstance(error, TrackingUnavailable)
    assert "too slow" in str(error)


def test_f50_server_that_is_down_may_pass(mlflow_environment: dict[str, str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = _error(f"http://127.0.0.1:{unused.getsockname()[1]}")

    assert isinstance(error, TrackingUnavailable)
    assert "does not answer" in str(error)


def test_f50_host_without_an_address_may_pass(mlflow_environment: dict[str, str]) -> None:
    assert isinstance(_error("http://mlflow.invalid:5000"), TrackingUnavailable)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("body", ["denied", '{"error_code": "PERMISSION_DENIED", "message": "no"}'])
def test_f51_refused_credentials_stay_refused(
    server: RecordingServer, status: int, body: str
) -> None:
    server.answer(status, body=body.encode())

    error = _error(server.url)

    assert isinstance(error, TrackingRefused)
    assert "MLFLOW_TRACKING_USERNAME" in str(error)


def test_f51_unknown_experiment_is_refused_in_the_servers_words(server: RecordingServer) -> None:
    body = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "No Experiment with id=77 exists"}
    server.answer(404, body=json.dumps(body).encode())

    with pytest.raises(TrackingRefused, match="No Experiment with id=77 exists"):
        list(Tracking(server.url, retries=0).runs(["77"]))


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, b"<html>Please log in</html>"),
        (302, {"Location": "/login"}, b""),
        (404, {}, b"<html>nothing here</html>"),
        (200, {}, b'{"registered_model": [1, 2]}'),
    ],
    ids=["page", "redirect", "not-found", "other-json"],
)
def test_f54_answer_that_is_not_mlflows_is_asked_for_once_more_then_refused(
    server: RecordingServer, answer: tuple[int, dict[str, str], bytes]
) -> None:
    server.answers = [answer]

    error = _error(server.url)

    assert isinstance(error, TrackingRefused)
    assert "does not answer as MLflow does" in str(error)
    assert len(server.requests) == 2
    assert not any(request.path == "/login" for request in server.requests)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Please log in</html>",
        b"[1, 2]",
        b'{"runs": 7}',
        b'{"runs": [7]}',
        b'{"runs": [{"data": {}}]}',
        b'{"runs": [{"info": {"run_id": "1"}}]}',
    ],
)
def test_f54_answer_to_a_search_that_is_not_mlflows_is_asked_for_once_more_then_refused(
    server: RecordingServer, body: bytes
) -> None:
    server.answers = [(200, {}, body)]

    with pytest.raises(TrackingRefused, match="does not answer as MLflow does"):
        list(Tracking(server.url, retries=0).runs(["1"]))

    assert len(server.requests) == 2


def test_f54_search_after_a_page_of_a_restarting_proxy_finds_all_pages(
    server: RecordingServer,
) -> None:
    info = {"experiment_id": "1", "status": "FINISHED", "lifecycle_stage": "active"}
    # Protobuf's own JSON has large integers as texts, and leaves out what is empty.
    first = {"info": {**info, "run_id": "a", "start_time": "1000", "end_time": 2000}}
    pages = [
        {"runs": [first], "next_page_token": "two"},
        {"next_page_token": "three"},
        {"runs": [{"info": {**info, "run_id": "b"}, "data": {"metrics": [{"key": "m"}]}}]},
    ]
    server.answers = [
        (200, {}, b"<html>starting</html>"),
        *((200, {}, json.dumps(page).encode()) for page in pages),
    ]

    [[one], [other]] = Tracking(server.url, retries=0).runs(["1"])

    assert (one.run_id, one.started_at, one.ended_at) == (
        "a",
        datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC),
    )
    assert (other.started_at, other.name, other.params, other.datasets) == (None, "", {}, ())
    assert [(m.name, m.value, m.step, m.logged_at) for m in other.metrics] == [("m", 0.0, 0, None)]
    tokens = [json.loads(request.body).get("page_token") for request in server.requests]
    assert tokens == [None, None, "two", "three"]


def test_f63_credentials_are_sent_with_a_search_and_not_shown(server: RecordingServer) -> None:
    server.answer(403, body=f"go away someone:{SECRET}".encode())
    tracking = Tracking(server.url.replace("://", f"://someone:{SECRET}@"), retries=0)

    with pytest.raises(TrackingRefused, match="refuses the credentials") as caught:
        list(tracking.runs(["1"]))

    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert server.requests[0].headers["Authorization"].startswith("Basic ")


def test_f54_page_of_a_proxy_that_was_just_restarting_does_no_harm(server: RecordingServer) -> None:
    good = json.dumps({"experiments": [{"experiment_id": "1", "name": "wine"}]})
    server.answers = [(200, {}, b"<html>starting</html>"), (200, {}, good.encode())]

    [[experiment]] = Tracking(server.url, retries=0).experiments()

    assert experiment.name == "wine"


def test_f55_host_name_that_the_server_does_not_allow_is_refused_with_the_setting(
    mlflow_uri: str,
) -> None:
    # Another spelling of the loopback address, which a real server takes for a foreign host.
    error = _error(mlflow_uri.replace("127.0.0.1", "127.1"))

    assert isinstance(error, TrackingRefused)
    assert "MLFLOW_SERVER_ALLOWED_HOSTS" in str(error)


def test_f63_credentials_are_sent_and_not_shown(server: RecordingServer) -> None:
    server.answer(403, body=f"go away someone:{SECRET}".encode())

    error = _error(server.url)

    assert isinstance(error, TrackingRefused)
    assert server.requests[0].headers["Authorization"].startswith("Basic ")


def test_f63_credentials_in_a_servers_message_are_cut_out(server: RecordingServer) -> None:
    text = f"no such source postgresql://someone:{SECRET}@db/x\nand more"
    body = {"error_code": "INVALID_PARAMETER_VALUE", "message": text}
    server.answer(400, body=json.dumps(body).encode())

    with pytest.raises(TrackingRefused, match="no such source postgresql://db/x") as caught:
        Tracking(server.url, retries=0).resolve(ANY)

    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


# --- artifacts that lie in an object storage ------------------------------------------------------
@pytest.fixture
def stored_run(
    mlflow_client: MlflowClient, s3_bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A run whose artifacts the client fetches from S3 itself: one file, `data.csv`."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    name = f"s3-{uuid.uuid4().hex}"
    experiment = mlflow_client.create_experiment(name, f"{s3_bucket.url}/{name}")
    run = mlflow_client.create_run(experiment)
    s3_bucket.put(
        f"{run.info.artifact_uri.removeprefix(s3_bucket.url).strip('/')}/data.csv", b"a\n1\n"
    )
    return str(run.info.run_id)


@pytest.fixture
def no_storage(
    stored_run: str, server: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> RecordingServer:
    """What answers in place of the storage of `stored_run`."""
    from mlflow.store.artifact import s3_artifact_repo

    s3_artifact_repo._cached_get_s3_client.cache_clear()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", server.url)
    return server


def test_artifact_is_fetched_from_the_storage_itself(
    mlflow_uri: str, stored_run: str, tmp_path: Path
) -> None:
    fetched = Tracking(mlflow_uri).download(stored_run, "data.csv", tmp_path)

    assert fetched.read_bytes() == b"a\n1\n"


def test_f50_artifact_storage_that_is_down_may_pass(
    mlflow_uri: str, stored_run: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "report.html").write_text("x")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(TrackingUnavailable, match=r"storage.*EndpointConnectionError"):
            Tracking(mlflow_uri).download(stored_run, "data.csv", tmp_path)
        with pytest.raises(TrackingUnavailable, match="storage"):
            Tracking(mlflow_uri).log_files(stored_run, tmp_path, "monitoring")


def test_f50_artifact_storage_with_server_errors_may_pass(
    mlflow_uri: str, stored_run: str, no_storage: RecordingServer, tmp_path: Path
) -> None:
    no_storage.answer(503, body=b"")

    with pytest.raises(TrackingUnavailable, match="storage"):
        Tracking(mlflow_uri).download(stored_run, "data.csv", tmp_path)


def test_f51_artifact_storage_that_denies_access_is_refused(
    mlflow_uri: str, stored_run: str, no_storage: RecordingServer, tmp_path: Path
) -> None:
    denied = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
    no_storage.answer(403, body=denied)

    with pytest.raises(TrackingRefused, match="denies access"):
        Tracking(mlflow_uri).download(stored_run, "data.csv", tmp_path)


def test_f51_artifact_storage_without_the_bucket_is_refused(
    mlflow_uri: str, stored_run: str, no_storage: RecordingServer, tmp_path: Path
) -> None:
    no_storage.answer(404, body=b"<Error><Code>NoSuchBucket</Code><Message>no</Message></Error>")

    with pytest.raises(TrackingRefused, match="no such bucket"):
        Tracking(mlflow_uri).download(stored_run, "data.csv", tmp_path)


def test_f50_artifact_storage_that_fails_between_list_and_fetch_may_pass(
    mlflow_client: MlflowClient,
    mlflow_uri: str,
    stored_run: str,
    no_storage: RecordingServer,
    tmp_path: Path,
) -> None:
    root = mlflow_client.get_run(stored_run).info.artifact_uri
    prefix = root.split("/", 3)[3]
    listing = (
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents>"
        f"<Key>{prefix}/data.csv</Key><Size>4</Size></Contents></ListBucketResult>"
    )
    # MLflow asks again whether the file is a folder.
    empty = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
    no_storage.answers = [(200, {}, listing.encode()), (200, {}, empty), (503, {}, b"")]

    with pytest.raises(TrackingUnavailable, match="a fetch failed"):
        Tracking(mlflow_uri).download(stored_run, "data.csv", tmp_path)
