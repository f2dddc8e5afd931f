"""The webhook against a real HTTP server that plays the receiver."""

from __future__ import annotations

import base64
import json
import socket
import time
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from monitoring_jobs.errors import WebhookRefused, WebhookUnavailable
from monitoring_jobs.results import Evaluation, Measurement, Status
from monitoring_jobs.sinks.webhook import WebhookSink
from tests.fixtures.evaluations import make_evaluation
from tests.fixtures.http_server import RecordingServer, recording_server

CANARY = "s3cr3t-canary"


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with recording_server() as running:
        yield running


def sink(url: str, token: str | None = CANARY, **options: Any) -> WebhookSink:
    return WebhookSink(url, token, **{"timeout": 5.0, "patience": 0.0, **options})


def test_receiver_gets_the_evaluation_as_json_with_a_bearer_token(server: RecordingServer) -> None:
    evaluation = make_evaluation()
    sink(f"{server.url}/hook?team=ml").write(evaluation)
    [request] = server.requests
    assert (request.method, request.path) == ("POST", "/hook?team=ml")
    assert request.headers["Authorization"] == f"Bearer {CANARY}"
    assert request.headers["Content-Type"].startswith("application/json")
    assert json.loads(request.body) == evaluation.as_dict()
    assert Evaluation.from_json(request.body) == evaluation


def test_without_a_token_no_authorization_is_sent(server: RecordingServer) -> None:
    sink(server.url, None).write(make_evaluation())
    assert "Authorization" not in server.requests[0].headers


def test_f63_credentials_of_the_url_are_sent_as_basic_authentication(
    server: RecordingServer,
) -> None:
    sink(server.url.replace("://", "://me:p%40w@"), None).write(make_evaluation())
    expected = "Basic " + base64.b64encode(b"me:p@w").decode()
    assert server.requests[0].headers["Authorization"] == expected


def test_f63_token_wins_over_netrc(
    server: RecordingServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password other")
    monkeypatch.setenv("NETRC", str(netrc))
    sink(server.url).write(make_evaluation())
    assert server.requests[0].headers["Authorization"] == f"Bearer {CANARY}"


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503, 504])
def test_receiver_that_recovers_gets_it_in_the_end(server: RecordingServer, code: int) -> None:
    server.answer(code, code, 204)
    sink(server.url).write(make_evaluation())
    assert len(server.requests) == 3
    keys = {request.headers["Idempotency-Key"] for request in server.requests}
    assert keys == {"wine_quality/2026-11-20T00:00:00Z/2026-11-21T00:00:00Z/first"}


def test_receiver_that_stays_broken_is_given_up(server: RecordingServer) -> None:
    server.answer(503)
    with pytest.raises(WebhookUnavailable, match="answered 503"):
        sink(server.url, attempts=3).write(make_evaluation())
    assert len(server.requests) == 3


def test_sink_tries_as_often_at_each_evaluation(server: RecordingServer) -> None:
    server.answer(503)
    hook = sink(server.url, attempts=2)
    for _ in range(2):
        with pytest.raises(WebhookUnavailable):
            hook.write(make_evaluation())
    assert len(server.requests) == 4


def test_silent_receiver_is_given_up_after_the_timeout(server: RecordingServer) -> None:
    server.answer(0)
    began = time.monotonic()
    with pytest.raises(WebhookUnavailable, match=r"did not answer within 0\.1 s"):
        sink(server.url, timeout=0.1, attempts=2).write(make_evaluation())
    assert time.monotonic() - began < 5
    assert len(server.requests) == 2


def test_receiver_that_is_down_is_transient() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(WebhookUnavailable, match=rf"127\.0\.0\.1:{port} cannot be reached"):
            sink(f"http://127.0.0.1:{port}", attempts=2).write(make_evaluation())


@pytest.mark.parametrize("code", [301, 302, 307, 308, 400, 401, 403, 404, 410, 422])
def test_refusal_and_redirect_are_terminal_and_not_repeated(
    server: RecordingServer, code: int
) -> None:
    server.answer(code, Location=f"{server.url}/elsewhere")
    with pytest.raises(WebhookRefused, match=f"answered {code}"):
        sink(server.url).write(make_evaluation())
    assert len(server.requests) == 1


@pytest.mark.parametrize("answer", [302, 400, 401, 500, 0, None])
@pytest.mark.parametrize("where", ["http://me:{}@{}", "http://{1}/hooks/{0}", "http://{1}/?t={0}"])
def test_f63_no_error_shows_token_or_credentials(
    server: RecordingServer, answer: int | None, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    host = "127.0.0.1:9"
    if answer is not None:
        server.answer(answer, body=f"you sent {CANARY}".encode())
        host = server.url.removeprefix("http://")
    hook = sink(where.format(CANARY, host), timeout=0.1, attempts=1)
    with caplog.at_level("DEBUG"), pytest.raises((WebhookRefused, WebhookUnavailable)) as caught:
        hook.write(make_evaluation())
    shown = "".join(traceback.format_exception(caught.value)) + repr(hook) + caplog.text
    assert CANARY not in shown


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host/path",
        f"ftp://{CANARY}@host",
        f"http://{CANARY}@",
        f"http://h:{CANARY}",
        f"http://host/{CANARY} x",
        f"http://host/{CANARY}\nHost: y",
        f"http://host/{CANARY}ä",
    ],
)
def test_f63_malformed_url_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(WebhookRefused, match="URL is malformed") as caught:
        sink(url)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("token", [f"{CANARY}\n", f"{CANARY}\r\nX: y", f"{CANARY}ä", f" {CANARY}"])
def test_f63_token_that_no_header_carries_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(WebhookRefused, match="its token holds") as caught:
        sink("http://127.0.0.1:9", token)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_f11_body_is_strict_json_whatever_the_names_are(server: RecordingServer) -> None:
    strange = Measurement(check="drift", metric="ks", column='a\ud800"\u2028ä', status=Status.OK)
    sink(server.url).write(make_evaluation(measurements=(strange,), monitor="ä\n"))
    body = json.loads(server.requests[0].body.decode("utf-8"))
    assert body["measurements"][0]["column"] == 'a\ufffd"\u2028ä'
