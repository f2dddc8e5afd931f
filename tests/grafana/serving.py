"""The datasources for real: what the jobs have written, and servers that are really asked."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitoring_jobs.demo.ports import free_port
from tests.fixtures.model_server import model_server
from tests.fixtures.prometheus import child, require, running_prometheus
from tests.grafana.execution import Sources
from tests.grafana.loading import PROMETHEUS, read_datasources
from tests.grafana.postgres_source import PostgresSource
from tests.grafana.prometheus_source import PrometheusSource
from tests.grafana.proxy import counting_proxy
from tests.grafana.time_range import parse_duration

_ENOUGH = (
    'min(count_over_time(up[5m])) >= 4 and min(rate(api_requests_total{status="500"}[5m])) > 0'
    ' and sum(rate(http_requests_total{job="mlflow"}[5m])) > 0'
)


@dataclass(frozen=True)
class Filled:
    """What the jobs have filled, and what else runs.

    Attributes:
        reader: URL of the results as the role of the dashboards.
        mlflow: URL of the tracking server, without a slash at its end.
        targets: What Prometheus scrapes: ``host:port`` by job. A model server, a proxy before
            MLflow and this machine come on top.
    """

    reader: str
    mlflow: str
    targets: Mapping[str, Sequence[str]] = field(default_factory=dict)


@contextmanager
def live_sources(filled: Filled, folder: Path, *, seconds: float = 0) -> Iterator[Sources]:
    """Run what is to be scraped and a Prometheus that does it; yield both datasources.

    Args:
        filled: What the jobs have filled.
        folder: A new one, for Prometheus.
        seconds: How long to go on asking the servers, for lines that are more than points.
    """
    since = datetime.now(UTC)
    with ExitStack() as stack:
        server = stack.enter_context(model_server())
        proxy = stack.enter_context(counting_proxy(filled.mlflow))
        targets = {
            **filled.targets,
            "model-server": [server.target],
            "mlflow": [proxy.target],
            "node": [stack.enter_context(_this_machine(folder))],
        }
        interval = "5s" if seconds else "500ms"
        prometheus = stack.enter_context(
            running_prometheus(folder / "prometheus", targets, interval=interval)
        )

        def traffic(requests: int = 40, slow: float = 0.1) -> None:
            server.traffic(requests, slow_seconds=slow)
            proxy.traffic()

        # A rate is between two scrapes.
        traffic()
        prometheus.wait_for('count_over_time(api_requests_total{status="500"}[5m]) >= 2')
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            left = deadline - time.monotonic()
            traffic(20 + int(left) % 50, 0.05 + left % 30 / 60)
            time.sleep(2)
        traffic()
        prometheus.wait_for(_ENOUGH, seconds=60)
        source = PrometheusSource(prometheus.url, scrape_interval(), since)
        postgres = stack.enter_context(closing(PostgresSource(filled.reader)))
        yield Sources(postgres, source, datetime.now(UTC) + timedelta(seconds=1))


def scrape_interval() -> float:
    """Return the seconds between scrapes that the provisioned datasource tells Grafana."""
    settings = read_datasources().get(PROMETHEUS, {}).get("jsonData") or {}
    return parse_duration(str(settings.get("timeInterval", "15s")))


@contextmanager
def _this_machine(folder: Path) -> Iterator[str]:
    """Run node_exporter with the few collectors that the dashboards want; yield its target."""
    folder.mkdir(exist_ok=True)
    target = f"127.0.0.1:{free_port()}"
    command = [
        require("prometheus-node-exporter"),
        f"--web.listen-address={target}",
        "--collector.disable-defaults",
        "--collector.cpu",
        "--collector.meminfo",
        "--collector.filesystem",
    ]
    with child(command, folder / "node.log", f"http://{target}/"):
        yield target
