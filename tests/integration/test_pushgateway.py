"""The Pushgateway sink against Debian's real gateway; an in-process server plays the faults."""

from __future__ import annotations

import base64
import re
import socket
import stat
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.parser import text_string_to_metric_families

from monitoring_jobs.errors import GatewayRejected, GatewayUnavailable
from monitoring_jobs.metrics import MAX_COLUMN_SERIES
from monitoring_jobs.results import Measurement, ModelRef, RowCounts, Status
from monitoring_jobs.sinks.pushgateway import PushgatewaySink, TextfileSink, push_registry
from tests.fixtures.evaluations import MEASUREMENTS, drift, make_evaluation, quality
from tests.fixtures.http_server import RecordingServer, recording_server
from tests.fixtures.pushgateway import Series, running_pushgateway, scrape

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
CANARY = "s3cr3t-canary"


@pytest.fixture
def sink(pushgateway_url: str) -> PushgatewaySink:
    return PushgatewaySink(pushgateway_url, clock=lambda: NOW)


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with recording_server() as running:
        yield running


def value(series: Series, name: str, **labels: str) -> float | None:
    """Return the one value of a name and labels; None where there is no such series."""
    found = [
        v for (n, own), v in series.items() if n == name and labels.items() <= dict(own).items()
    ]
    assert len(found) <= 1, found
    return found[0] if found else None


def names(series: Series) -> set[str]:
    return {name for name, _ in series}


# --- what is pushed -------------------------------------------------------------------------------
def test_names_and_labels_of_the_inventory(sink: PushgatewaySink, pushgateway_url: str) -> None:
    sink.write(make_evaluation())
    series = scrape(pushgateway_url)
    model = {"monitor": "wine_quality", "model_name": "wine", "model_version": "3"}
    expected = [
        ("model_accuracy", {}, 0.91),
        ("model_f1_score", {}, 0.88),
        ("data_drift_detected", {"feature": "alcohol"}, 1),
        ("data_drift_detected", {"feature": "region"}, 0),
        ("data_drift_score", {"feature": "alcohol", "method": "wasserstein"}, 0.42),
        ("data_drift_pvalue", {"feature": "malic_acid"}, 0.3),
        ("data_drift_pvalue", {"feature": "alcohol"}, None),
        ("drift_columns_count", {}, 1),
        ("drift_columns_share", {}, 1 / 3),
        ("evidently_data_drift_detected", {}, 0),
        ("evidently_drift_score", {}, 1 / 3),
        ("data_quality_score", {}, 0.97),
        ("missing_values_count", {"column": "alcohol"}, 25),
        ("data_completeness", {"column": "alcohol"}, 0.95),
        ("outliers_count", {"column": "alcohol"}, 4),
        ("evidently_missing_values_ratio", {"feature": "alcohol"}, 0.05),
        ("daily_predictions_total", {}, 500),
        ("model_predictions_total", {}, 500),
        ("monitoring_last_success_timestamp_seconds", {}, NOW.timestamp()),
        ("monitoring_window_end_timestamp_seconds", {}, 1795219200),
        ("monitoring_evaluation_duration_seconds", {}, 1.5),
        ("monitoring_peak_memory_bytes", {}, 123_000_000),
        ("monitoring_rows", {"dataset": "reference"}, 900),
        ("monitoring_status", {"status": "warning"}, 1),
        ("monitoring_status", {"status": "ok"}, 0),
        ("monitoring_series_left_out", {}, 0),
    ]
    for name, labels, wanted in expected:
        assert value(series, name, job="publish", **model, **labels) == wanted, name
    assert "monitoring_last_failure_timestamp_seconds" not in names(series)


def test_what_the_file_allows_who_owns_it_and_when_more_is_due_are_pushed(
    sink: PushgatewaySink, pushgateway_url: str
) -> None:
    sink.write(make_evaluation(owner="wine@example.com", due_at=NOW))
    series = scrape(pushgateway_url)
    own = {"monitor": "wine_quality", "model_name": "wine", "model_version": "3"}
    assert value(series, "monitoring_info", owner="wine@example.com", **own) == 1
    assert value(series, "monitoring_next_due_timestamp_seconds", **own) == NOW.timestamp()
    allowed = {
        tuple(dict(labels).get(key, "") for key in ("metric", "bound", "feature")): number
        for (name, labels), number in series.items()
        if name == "monitoring_threshold"
    }
    assert allowed == {
        ("data_drift_score", "max", "alcohol"): 0.1,
        ("data_drift_score", "max", "region"): 0.1,
        ("data_drift_score", "min", "malic_acid"): 0.05,
        ("drift_columns_share", "max", ""): 0.5,
    }


def test_group_is_named_by_job_and_monitor_alone(
    sink: PushgatewaySink, pushgateway_url: str
) -> None:
    sink.write(make_evaluation())
    pushed = {
        dict(labels).get("monitor")
        for name, labels in scrape(pushgateway_url)
        if name == "push_time_seconds"
    }
    labels = {key for _, own in scrape(pushgateway_url) for key, _ in own}
    assert pushed == {"wine_quality"}
    assert not labels & {"window", "run_id", "window_start", "window_end", "attempt", "host"}


def test_numeric_prediction_is_counted_and_distributed(
    sink: PushgatewaySink, pushgateway_url: str
) -> None:
    quantiles = {"min": 1.0, "q05": 2.0, "q25": 3.0, "q50": 4.0, "q75": 4.0, "q95": 6.0, "max": 9.0}
    found = quantiles | {"mean": 4.5, "missing_count": 100, "infinite_count": 0, "distinct": 50}
    measured = [quality(name, number, "score", role="prediction") for name, number in found.items()]
    sink.write(make_evaluation(measurements=tuple(measured)))
    series = scrape(pushgateway_url)
    assert value(series, "prediction_success_total") == 400
    assert value(series, "prediction_failure_total") == 100
    assert value(series, "model_prediction_errors_total", error_type="missing") == 100
    assert value(series, "model_prediction_value") == 4.5
    # Evaluations of before quantiles said how many values do not exceed them.
    assert _buckets(series) == {"9": 400, "+Inf": 400}
    assert value(series, "prediction_value_distribution_sum") == 1800


def test_buckets_of_predictions_end_at_quantiles_that_values_may_share(
    sink: PushgatewaySink, pushgateway_url: str
) -> None:
    counted = {1.5: 5, 3.0: 40, 4.0: 80}  # q75 is q50
    measured = [
        quality(name, bound, "score", role="prediction", at_or_below=counted[bound])
        for name, bound in {"q05": 1.5, "q25": 3.0, "q50": 4.0, "q75": 4.0}.items()
    ]
    measured += [quality(name, 9.0, "score", role="prediction") for name in ("max", "mean")]
    rows = RowCounts(current=100, reference=900)
    sink.write(make_evaluation(measurements=tuple(measured), rows=rows))
    buckets = _buckets(scrape(pushgateway_url))
    assert buckets == {"1.5": 5, "3": 40, "4": 80, "9": 100, "+Inf": 100}


def _buckets(series: Series) -> dict[str, float]:
    return {
        dict(labels)["le"]: count
        for (name, labels), count in series.items()
        if name == "prediction_value_distribution_bucket"
    }


def test_segments_are_left_to_the_database(sink: PushgatewaySink, pushgateway_url: str) -> None:
    inside = replace(drift("ph", "ks", 0.5, 0.05, drifted=False), segment="region=north")
    sink.write(make_evaluation(measurements=(*MEASUREMENTS, inside)))
    assert value(scrape(pushgateway_url), "data_drift_score", feature="ph") is None


def test_f01_empty_window_is_pushed_as_a_status_and_never_as_a_zero_score(
    sink: PushgatewaySink, pushgateway_url: str
) -> None:
    nothing = (
        replace(drift("alcohol", "ks", 0.5, 0.05, drifted=False), status=Status.INSUFFICIENT_DATA),
        Measurement(
            check="drift", metric="drifted_share", value=0, status=Status.INSUFFICIENT_DATA
        ),
        Measurement(check="performance", metric="accuracy", status=Status.INSUFFICIENT_DATA),
    )
    sink.write(
        make_evaluation(
            measurements=nothing,
            status=Status.INSUFFICIENT_DATA,
            rows=RowCounts(current=0, reference=900),
            model=ModelRef(),
        )
    )
    series = scrape(pushgateway_url)
    assert value(series, "monitoring_status", status="insufficient_data") == 1
    assert value(series, "monitoring_rows", dataset="current") == 0
    assert not names(series) & {"data_drift_score", "evidently_drift_score", "model_accuracy"}


def test_f46_series_of_a_dropped_column_vanish(sink: PushgatewaySink, pushgateway_url: str) -> None:
    sink.write(make_evaluation())
    sink.write(make_evaluation(measurements=MEASUREMENTS[1:]))
    series = scrape(pushgateway_url)
    assert value(series, "data_drift_score", feature="alcohol") is None
    assert value(series, "data_drift_score", feature="region") == 0.03


def test_f46_one_monitor_leaves_the_series_of_another(
    sink: PushgatewaySink, pushgateway_url: str
) -> None:
    sink.write(make_evaluation())
    sink.write(make_evaluation(monitor="other", measurements=()))
    assert value(scrape(pushgateway_url), "model_accuracy", monitor="wine_quality") == 0.91


def test_f48_too_many_columns_leave_the_dataset_level(
    sink: PushgatewaySink, pushgateway_url: str
) -> None:
    wide = tuple(drift(f"c{n}", "ks", 0.5, 0.05, drifted=False) for n in range(700))
    sink.write(make_evaluation(measurements=(*MEASUREMENTS, *wide)))
    series = scrape(pushgateway_url)
    assert "data_drift_score" not in names(series)
    assert value(series, "drift_columns_share") == 1 / 3
    left_out = value(series, "monitoring_series_left_out")
    assert left_out is not None
    assert left_out > MAX_COLUMN_SERIES


def test_f49_failure_adds_its_timestamp_and_success_takes_it_away(
    sink: PushgatewaySink, pushgateway_url: str
) -> None:
    sink.write(make_evaluation())
    sink.write_failure("wine_quality", NOW)
    series = scrape(pushgateway_url)
    failure = "monitoring_last_failure_timestamp_seconds"
    assert value(series, failure, monitor="wine_quality") == NOW.timestamp()
    assert value(series, "model_accuracy", monitor="wine_quality") == 0.91
    sink.write(make_evaluation())
    assert failure not in names(scrape(pushgateway_url))


def test_f45_deleted_monitor_leaves_no_series(sink: PushgatewaySink, pushgateway_url: str) -> None:
    sink.write(make_evaluation())
    sink.delete("wine_quality")
    sink.delete("wine_quality")
    assert not any(("monitor", "wine_quality") in labels for _, labels in scrape(pushgateway_url))


def test_f44_restarted_gateway_gets_everything_back_by_the_next_push(tmp_path: Path) -> None:
    with running_pushgateway(tmp_path / "log") as url:
        sink = PushgatewaySink(url, clock=lambda: NOW)
        sink.write(make_evaluation())
        before = {
            (n, ls) for n, ls in scrape(url) if n.startswith(("model_", "data_", "monitoring_"))
        }
        port = int(url.rpartition(":")[2])
    with running_pushgateway(tmp_path / "log2", port=port) as url:
        assert "model_accuracy" not in names(scrape(url))
        sink.write(make_evaluation())
        after = {
            (n, ls) for n, ls in scrape(url) if n.startswith(("model_", "data_", "monitoring_"))
        }
    assert after == before


# --- names that hurt ------------------------------------------------------------------------------
HOSTILE = ['a"b', "a\\b", "a\nb", "a{b}", "ä☃", "x" * 10_000, "</script>", "\0", "a\ud800", ""]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_f12_any_column_and_model_name_is_taken_by_the_gateway(
    sink: PushgatewaySink, pushgateway_url: str, name: str
) -> None:
    columns = (
        drift(f"c{name}", "psi", 0.5, 0.1, drifted=True),
        drift(f"c{name}2", "psi", 0.6, 0.1, drifted=True),
    )
    sink.write(make_evaluation(measurements=columns, model=ModelRef(name=name, version="1")))
    scores = [v for (n, _), v in scrape(pushgateway_url).items() if n == "data_drift_score"]
    assert sorted(scores) == [0.5, 0.6]


def decoded_key(path: str) -> dict[str, str]:
    """Read a grouping key out of a URL as the gateway does."""
    parts = path.removeprefix("/metrics/").split("/")
    key = {}
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        label, _, encoding = unquote(name).partition("@")
        plain = unquote(text)
        if encoding == "base64":
            plain = base64.urlsafe_b64decode(
                plain.rstrip("=") + "=" * (-len(plain.rstrip("=")) % 4)
            ).decode()
        key[label] = plain
    return key


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.text(st.characters(exclude_categories=["Cs"])))
@example("")
@example(".")
@example("..")
@example("a/b c")
@example("a+b%20?#")
def test_f47_any_grouping_value_reaches_the_gateway_unchanged(
    server: RecordingServer, name: str
) -> None:
    server.requests.clear()
    push_registry(
        CollectorRegistry(), url=server.url, job="extract", grouping_key={"monitor": name}
    )
    [request] = server.requests
    assert request.method == "PUT"
    assert "//" not in request.path
    assert decoded_key(request.path) == {"job": "extract", "monitor": name}


@pytest.mark.parametrize("name", ["a/b", "a b", "", ".", "..", "ä☃", "a+b%", "a?b#c", "\n"])
def test_f47_real_gateway_decodes_the_grouping_key(pushgateway_url: str, name: str) -> None:
    registry = CollectorRegistry()
    Gauge("probe", "A probe", registry=registry).set(1)
    push_registry(registry, url=pushgateway_url, job="extract", grouping_key={"monitor": name})
    [labels] = [dict(labels) for n, labels in scrape(pushgateway_url) if n == "probe"]
    assert labels.get("monitor", "") == name


# --- gateways that fail ---------------------------------------------------------------------------
def test_f42_gateway_that_is_down_is_transient() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(GatewayUnavailable, match=rf"127\.0\.0\.1:{port} cannot be reached"):
            PushgatewaySink(f"127.0.0.1:{port}").write(make_evaluation())


def test_f42_slow_gateway_is_given_up_after_the_timeout(server: RecordingServer) -> None:
    server.answer(0)
    with pytest.raises(GatewayUnavailable, match=r"did not answer within 0\.2 s"):
        PushgatewaySink(server.url, timeout=0.2).write(make_evaluation())


def test_f42_gateway_that_hangs_up_is_transient() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: listener.accept()[0].close())  # noqa: PLW0108
        thread.start()
        with pytest.raises(GatewayUnavailable, match="cannot be reached"):
            PushgatewaySink(f"127.0.0.1:{listener.getsockname()[1]}").write(make_evaluation())
        thread.join()


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_f42_server_errors_are_transient(server: RecordingServer, code: int) -> None:
    server.answer(code, body=b"<html>proxy</html>")
    with pytest.raises(GatewayUnavailable, match=f"answered {code}"):
        PushgatewaySink(server.url).write(make_evaluation())


def test_f43_metric_of_another_type_is_named(sink: PushgatewaySink, pushgateway_url: str) -> None:
    taken = CollectorRegistry()
    Counter("daily_predictions_total", "A counter", registry=taken).inc()
    push_registry(taken, url=pushgateway_url, job="somebody")
    with pytest.raises(GatewayRejected, match="metric daily_predictions_total contradicts"):
        sink.write(make_evaluation())


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "call",
    [
        lambda sink: sink.write(make_evaluation()),
        lambda sink: sink.write_failure("wine_quality", NOW),
        lambda sink: sink.delete("wine_quality"),
    ],
    ids=["write", "failure", "delete"],
)
def test_f42_redirect_is_refused_and_sends_the_token_nowhere(
    server: RecordingServer, code: int, call: Callable[[PushgatewaySink], None]
) -> None:
    server.answer(code, Location=f"{server.url}/login")
    with pytest.raises(GatewayRejected, match=f"answered {code}"):
        call(PushgatewaySink(server.url.replace("://", f"://{CANARY}@")))
    assert len(server.requests) == 1


# --- secrets --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("userinfo", "header"),
    [
        (f"me:{CANARY}@", "Basic " + base64.b64encode(f"me:{CANARY}".encode()).decode()),
        ("me:p%40%3Aw@", "Basic " + base64.b64encode(b"me:p@:w").decode()),
        (f"{CANARY}@", f"Bearer {CANARY}"),
        (f":{CANARY}@", f"Bearer {CANARY}"),
        ("", None),
    ],
)
def test_f63_credentials_of_the_url_are_sent_as_a_header(
    server: RecordingServer, userinfo: str, header: str | None
) -> None:
    PushgatewaySink(server.url.replace("://", f"://{userinfo}")).write(make_evaluation())
    [request] = server.requests
    assert request.headers.get("Authorization") == header
    assert request.headers["Host"] == server.url.removeprefix("http://")
    assert request.path == "/metrics/job/publish/monitor/wine_quality"


def test_f63_token_in_the_query_stays_behind_the_path(server: RecordingServer) -> None:
    PushgatewaySink(f"{server.url}/prefix/?token={CANARY}").write(make_evaluation())
    [request] = server.requests
    assert request.path == f"/prefix/metrics/job/publish/monitor/wine_quality?token={CANARY}"


def whole(error: BaseException) -> str:
    """Return everything that a traceback prints of an error and its causes."""
    return "".join(traceback.format_exception(error))


@pytest.mark.parametrize("answer", [400, 401, 403, 404, 301, 500, 0, None])
@pytest.mark.parametrize("where", ["http://me:{}@{}", "http://{}@{}", "http://{1}/?token={0}"])
def test_f63_no_error_shows_the_credentials(
    server: RecordingServer, answer: int | None, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    host = server.url.removeprefix("http://")
    if answer is None:
        host = "127.0.0.1:9"
    else:
        server.answer(answer, body=f"you sent {CANARY}".encode())
    sink = PushgatewaySink(where.format(CANARY, host), timeout=0.2)
    with pytest.raises((GatewayRejected, GatewayUnavailable)) as caught:
        sink.write(make_evaluation())
    assert (
        CANARY not in whole(caught.value) + repr(sink) + repr(sink._gateway._endpoint) + caplog.text
    )


@pytest.mark.parametrize(
    "url",
    [
        f"http://me:{CANARY}@host:port",
        f"http://me:{CANARY}@",
        f"ftp://me:{CANARY}@host",
        f"http://me:{CANARY}@[::1",
        "",
        "http://",
    ],
)
def test_f63_malformed_url_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(GatewayRejected, match="URL is malformed") as caught:
        PushgatewaySink(url)
    assert CANARY not in whole(caught.value)


# --- the textfile ---------------------------------------------------------------------------------
def series_of(path: Path) -> Series:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(path.read_text())
        for sample in family.samples
    }


def test_textfile_holds_the_series_of_the_gateway(
    sink: PushgatewaySink, pushgateway_url: str, tmp_path: Path
) -> None:
    sink.write(make_evaluation())
    TextfileSink(tmp_path / "monitoring.prom", clock=lambda: NOW).write(make_evaluation())
    pushed = {
        (name, frozenset((k, v) for k, v in labels if k not in ("job", "instance"))): value
        for (name, labels), value in scrape(pushgateway_url).items()
        if ("job", "publish") in labels and not name.startswith("push_")
    }
    assert series_of(tmp_path / "monitoring.wine_quality.prom") == pushed


def test_textfile_of_each_monitor_is_its_own(tmp_path: Path) -> None:
    sink = TextfileSink(tmp_path / "new" / "monitoring.prom")
    for monitor in ("a", "b", "a"):
        sink.write(make_evaluation(monitor=monitor))
    found = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert found == ["monitoring.a.prom", "monitoring.b.prom"]


def test_textfile_can_be_read_by_node_exporter(tmp_path: Path) -> None:
    TextfileSink(tmp_path / "m.prom").write(make_evaluation())
    mode = (tmp_path / "m.wine_quality.prom").stat().st_mode
    assert mode & stat.S_IRGRP


def test_f49_textfile_failure_stands_beside_the_series_until_success(tmp_path: Path) -> None:
    sink = TextfileSink(tmp_path / "m.prom")
    sink.write(make_evaluation())
    sink.write_failure("wine_quality", NOW)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "m-failure.wine_quality.prom",
        "m.wine_quality.prom",
    ]
    sink.write(make_evaluation())
    assert [path.name for path in tmp_path.iterdir()] == ["m.wine_quality.prom"]
    sink.delete("wine_quality")
    sink.delete("wine_quality")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("monitor", ["../x", "a/b", "", "..", "a\0b"])
def test_f18_textfile_of_a_strange_monitor_is_refused(tmp_path: Path, monitor: str) -> None:
    sink = TextfileSink(tmp_path / "m.prom")
    with pytest.raises(GatewayRejected, match="not the name of a monitor"):
        sink.write(make_evaluation(monitor=monitor))


def test_f59_textfile_that_cannot_be_replaced_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "m.wine_quality.prom").mkdir()
    with pytest.raises(GatewayRejected, match=re.escape("m.wine_quality.prom")):
        TextfileSink(tmp_path / "m.prom").write(make_evaluation())
    assert [path.name for path in tmp_path.iterdir()] == ["m.wine_quality.prom"]


def test_textfile_below_a_file_is_terminal(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((GatewayRejected, GatewayUnavailable), match="textfile"):
        TextfileSink(tmp_path / "file" / "m.prom").write(make_evaluation())
