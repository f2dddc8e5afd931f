"""PromQL over the requests of a server, whichever names it counts them under."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """Requests as a server counts them.

    Attributes:
        counters: Names of the counter with the label ``status``; the first one present counts.
        histograms: Names of the histogram of seconds; the first one present counts.
        selector: Labels that select the server.
    """

    counters: tuple[str, ...]
    histograms: tuple[str, ...]
    selector: str

    def rate(self, *by: str) -> str:
        """Return requests per second, by labels."""
        # The common counter has these two labels alone.
        counters = self.counters if {"method", "status"}.issuperset(by) else self.counters[:1]
        return _first(self._rate(name, "", by) for name in counters)

    def share(self, status: str) -> str:
        """Return the share of requests whose status matches; nothing while there are none."""
        # No series of a status yet means zero of the requests that there are.
        return _first(
            f"({self._rate(name, status, ())} or 0 * {self._rate(name, '', ())})"
            f" / ({self._rate(name, '', ())} > 0)"
            for name in self.counters
        )

    def seconds(self, quantile: float) -> str:
        """Return a quantile of the time until the answer."""
        return _first(quantile_of(name, quantile, self.selector) for name in self.histograms)

    def _rate(self, name: str, status: str, by: Sequence[str]) -> str:
        chosen = f'{self.selector},status=~"{status}"' if status else self.selector
        return f"{_sum(by)} (rate({name}{{{chosen}}}[$__rate_interval]))"


# MLflow with --expose-prometheus; else a proxy before it that counts under the common names.
MLFLOW = Requests(
    counters=("mlflow_http_request_total", "http_requests_total"),
    histograms=("mlflow_http_request_duration_seconds", "http_request_duration_seconds"),
    selector='job="mlflow"',
)
MODEL_SERVER = Requests(
    counters=("api_requests_total", "http_requests_total"),
    histograms=("api_request_duration_seconds", "http_request_duration_seconds"),
    selector='job="model-server"',
)
# The model and versions chosen, in the metrics of a model server.
MODEL = 'job="model-server",model_name=~"$model",model_version=~"$version"'
BY_VERSION = ("model_name", "model_version")


def quantile_of(name: str, quantile: float, selector: str, *, by: Sequence[str] = ()) -> str:
    """Return a quantile of a histogram, by labels."""
    rate = f"{_sum(('le', *by))} (rate({name}_bucket{{{selector}}}[$__rate_interval]))"
    return f"histogram_quantile({quantile}, {rate})"


def predictions(status: str = "") -> str:
    """Return predictions per second of the models chosen, by version.

    Args:
        status: A regular expression of how they ended; empty for any.
    """
    chosen = f'{MODEL},status=~"{status}"' if status else MODEL
    return f"{_sum(BY_VERSION)} (rate(mlflow_predictions_total{{{chosen}}}[$__rate_interval]))"


def failed_predictions() -> str:
    """Return the share of predictions that failed, by version; nothing while there are none."""
    return f"1 - ({predictions('success')} or 0 * {predictions()}) / ({predictions()} > 0)"


def _sum(by: Sequence[str]) -> str:
    return f"sum by ({', '.join(by)})" if by else "sum"


def _first(expressions: Iterable[str]) -> str:
    return "\nor\n".join(expressions)
