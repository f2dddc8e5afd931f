"""A proxy before MLflow that counts requests: MLflow does so only with a package of its own."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)

from tests.fixtures.http_server import serving


@dataclass(frozen=True)
class CountingProxy:
    """A running proxy."""

    target: str

    def traffic(self) -> None:
        """Ask for what is there and for what is not."""
        for path in ("/health", "/version", "/no-such-page"):
            try:
                with urllib.request.urlopen(f"http://{self.target}{path}", timeout=30):
                    pass
            except urllib.error.HTTPError as exc:
                exc.close()


@contextmanager
def counting_proxy(upstream: str) -> Iterator[CountingProxy]:
    """Pass GET requests on to a server, from a free port of the loopback interface.

    Args:
        upstream: URL of the server, without a slash at its end.
    """
    registry = CollectorRegistry()
    counter = Counter("http_requests", "Requests", ("method", "status"), registry=registry)
    seconds = Histogram(
        "http_request_duration_seconds", "Time from a request to its answer", registry=registry
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, generate_latest(registry), CONTENT_TYPE_LATEST)
                return
            begun = time.monotonic()
            status, body = _fetch(upstream + self.path)
            seconds.observe(time.monotonic() - begun)
            counter.labels("GET", str(status)).inc()
            self._answer(status, body, "text/plain")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            """Stay quiet."""

    with serving(Handler) as target:
        yield CountingProxy(target)


def _fetch(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read()
