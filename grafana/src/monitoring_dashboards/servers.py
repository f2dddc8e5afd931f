"""Panels about a server: how much it is asked, how fast and how well it answers."""

from __future__ import annotations

from dataclasses import dataclass

from monitoring_dashboards.fields import Field
from monitoring_dashboards.model_server import NOT_SCRAPED, SLOW
from monitoring_dashboards.panels import Caption, Look, Panel, Size, Style, stat, timeseries
from monitoring_dashboards.serving import MLFLOW, MODEL_SERVER, QUANTILES, Requests
from monitoring_dashboards.statuses import BLUE, GREEN, RED, YELLOW, Steps
from monitoring_dashboards.targets import instant, promql

_SLOW_NOW = Steps(GREEN, (1, YELLOW), (2, RED))
_FAILING_NOW = Steps(GREEN, (0.01, YELLOW), (0.1, RED))
_REFUSING_NOW = Steps(GREEN, (0.5, YELLOW))
_FAILING = Steps("transparent", (0.01, YELLOW), (0.1, RED))
_STATUSES = [
    Field(pattern=f"^{first}", color=color)
    for first, color in (("2", GREEN), ("3", BLUE), ("4", YELLOW), ("5", RED))
]
_NO_MLFLOW = (
    "Nobody counts MLflow's requests: start it with --expose-prometheus (and the package"
    " prometheus-flask-exporter), or put a proxy before it that counts http_requests_total, and"
    " name it in Prometheus' targets/mlflow.yml."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that Prometheus may scrape.

    Attributes:
        name: What people call it.
        requests: How its requests are counted.
        empty: Why there may be nothing to show.
    """

    name: str
    requests: Requests
    empty: str

    def caption(self, title: str, description: str, unit: str) -> Caption:
        """Return the words of a panel about it."""
        title = f"{self.name}: {title}"
        return Caption(title=title, description=description, unit=unit, empty=self.empty)


TRACKING = Server(name="MLflow", requests=MLFLOW, empty=_NO_MLFLOW)
SERVING = Server(name="Model server", requests=MODEL_SERVER, empty=NOT_SCRAPED)


def rate_now(server: Server, size: Size) -> Panel:
    """Return how many requests a second it answers."""
    return stat(
        server.caption("requests", "Requests a second that it answers now", "reqps"),
        [instant(server.requests.rate(), legend="requests")],
        size=size,
        style=Style(color=BLUE),
        background=False,
    )


def latency_now(server: Server, size: Size) -> Panel:
    """Return within which time nearly all requests are answered."""
    return stat(
        server.caption("latency", "95 % and 99 % of its requests are answered within this", "s"),
        [instant(server.requests.seconds(QUANTILES[name]), legend=name) for name in ("p95", "p99")],
        size=size,
        style=Style(steps=_SLOW_NOW),
    )


def failures_now(server: Server, size: Size) -> Panel:
    """Return the shares of requests that end in an error."""
    shares = {"4xx": server.requests.share("4.."), "5xx": server.requests.share("5..")}
    return stat(
        server.caption(
            "errors",
            "Share of its requests that it answers with 4xx (the caller's mistakes) and 5xx (its "
            "own failures)",
            "percentunit",
        ),
        [instant(share, legend=name) for name, share in shares.items()],
        size=size,
        # Callers err: that alone is no reason to worry about the server.
        style=Style(
            steps=_FAILING_NOW, decimals=1, fields=[Field(name="4xx", steps=_REFUSING_NOW)]
        ),
    )


def rate(server: Server, by: str = "status") -> Panel:
    """Return requests a second over time.

    Args:
        server: Whose.
        by: The label that makes a band each.
    """
    words = {"status": "status code of the answer", "endpoint": "endpoint"}
    return timeseries(
        server.caption("request rate", f"Requests a second by {words[by]}", "reqps"),
        [promql(server.requests.rate(by), legend=f"{{{{{by}}}}}")],
        size=(8, 8),
        look=Look.STACKED,
        style=Style(fields=_STATUSES if by == "status" else ()),
    )


def latency(server: Server) -> Panel:
    """Return percentiles of the time until an answer."""
    return timeseries(
        server.caption(
            "request latency",
            "Half, 95 % and 99 % of the requests are answered within this; dashed where "
            "HighModelLatency and HighLatency fire",
            "s",
        ),
        [promql(server.requests.seconds(q), legend=name) for name, q in QUANTILES.items()],
        size=(8, 8),
        style=Style(steps=SLOW, bounds=(0, None)),
    )


def failures(server: Server) -> Panel:
    """Return the shares of requests that end in an error, over time."""
    return timeseries(
        server.caption(
            "error rate",
            "Share of requests answered with 4xx (the caller's mistakes) and 5xx (the server's "
            "failures)",
            "percentunit",
        ),
        [
            promql(server.requests.share("4.."), legend="4xx"),
            promql(server.requests.share("5.."), legend="5xx"),
        ],
        size=(8, 8),
        style=Style(steps=_FAILING, bounds=(0, None)),
    )
