"""Runs queries on Prometheus, and returns frames as Grafana's datasource makes them."""

from __future__ import annotations

import json
import math
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from tests.grafana.frames import Field, Frame, Kind
from tests.grafana.problems import QueryFailed
from tests.grafana.time_range import TimeRange

_MOST_POINTS = 11_000


@dataclass(frozen=True)
class PrometheusSource:
    """Grafana's Prometheus datasource.

    Attributes:
        url: Of the server.
        scrape_interval: Seconds, as the datasource's settings say.
        since: Before it there is no data: ranges begin there, and are not aligned to the step.
    """

    url: str
    scrape_interval: float = 15.0
    since: datetime | None = None

    def span(self, span: TimeRange) -> TimeRange:
        """Return the part of a range for which there is data."""
        if self.since is None or self.since <= span.start:
            return span
        return TimeRange(min(self.since, span.end - timedelta(seconds=1)), span.end)

    def step(self, span: TimeRange, points: int, least: float | None) -> float:
        """Return the seconds between points."""
        return max(
            span.interval(points, least or self.scrape_interval), span.seconds / _MOST_POINTS
        )

    def rate_interval(self, step: float, least: float | None) -> float:
        """Return what ``$__rate_interval`` is."""
        scrape = least or self.scrape_interval
        return max(step + scrape, 4 * scrape)

    def run(self, expr: str, model: Mapping[str, Any], span: TimeRange, step: float) -> list[Frame]:
        """Run an expression in which everything has been replaced.

        Raises:
            QueryFailed: Prometheus refused it.
        """
        ref_id = str(model["refId"])
        frames: list[Frame] = []
        instant = bool(model.get("instant"))
        table = model.get("format") == "table"
        if model.get("range") or not instant:
            series = self._series("query_range", {"query": expr, **self._steps(span, step)})
            frames += _table(series, ref_id) if table else _frames(series, model)
        if instant:
            end = span.end.timestamp()
            series = self._series("query", {"query": expr, "time": f"{end:.3f}"})
            frames += _table(series, ref_id) if table else _frames(series, model)
        return frames

    def label_values(self, metric: str, label: str, span: TimeRange) -> list[str]:
        """Return the values of a label, of some series or of all."""
        asked: dict[str, str] = {
            "start": f"{span.start.timestamp():.3f}",
            "end": f"{span.end.timestamp():.3f}",
        }
        if metric:
            asked["match[]"] = metric
        values: list[str] = self._ask(f"label/{label}/values", asked, post=False)
        return values

    def _steps(self, span: TimeRange, step: float) -> dict[str, str]:
        start, end = span.start.timestamp(), span.end.timestamp()
        if self.since is None:
            start, end = (math.floor(at / step) * step for at in (start, end))
        else:
            start = end - math.floor((end - start) / step) * step
        return {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}

    def _series(self, path: str, asked: Mapping[str, str]) -> list[_Series]:
        data = self._ask(path, asked, post=True)
        kind, result = data["resultType"], data["result"]
        if kind == "scalar":
            return [_Series({}, [_point(result)])]
        key = "values" if kind == "matrix" else "value"
        return [
            _Series(
                one["metric"],
                [_point(pair) for pair in (one[key] if kind == "matrix" else [one[key]])],
            )
            for one in result
        ]

    def _ask(self, path: str, asked: Mapping[str, str], *, post: bool) -> Any:
        address = f"{self.url.rstrip('/')}/api/v1/{path}"
        body = urlencode(asked)
        request = urllib.request.Request(address, body.encode()) if post else f"{address}?{body}"
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as exc:
            reason = json.loads(exc.read() or b"{}").get("error", str(exc))
            raise QueryFailed(reason) from exc


@dataclass(frozen=True)
class _Series:
    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


def _point(pair: Sequence[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])


def _frames(series: Sequence[_Series], model: Mapping[str, Any]) -> list[Frame]:
    """Make one frame a series."""
    frames = []
    for one in series:
        labels = {name: value for name, value in one.labels.items() if name != "__name__"}
        name = one.labels.get("__name__", "Value")
        time = Field("Time", Kind.TIME, [at for at, _ in one.points])
        value = Field(
            name,
            Kind.NUMBER,
            [value for _, value in one.points],
            labels,
            legend_of(str(model.get("legendFormat") or "__auto"), one.labels, str(model["expr"])),
        )
        frames.append(Frame(str(model["refId"]), (time, value)))
    return frames


def legend_of(pattern: str, labels: Mapping[str, str], expr: str) -> str:
    """Return the name of a series; a label that it lacks becomes nothing."""
    if pattern == "__auto":
        rest = [f'{name}="{value}"' for name, value in sorted(labels.items()) if name != "__name__"]
        return labels.get("__name__", "") + ("{" + ", ".join(rest) + "}" if rest else "") or expr
    text = pattern
    for part in legend_labels(pattern):
        name = part.strip("{} ")
        text = text.replace(part, labels.get(name, ""))
    return text


def legend_labels(pattern: str) -> list[str]:
    """Return the ``{{label}}`` of a legend as they stand there."""
    parts = pattern.split("{{")[1:]
    return ["{{" + part.partition("}}")[0] + "}}" for part in parts]


def _table(series: Sequence[_Series], ref_id: str) -> list[Frame]:
    """Make one frame with a column for each label."""
    rows = [(one.labels, at, value) for one in series for at, value in one.points]
    if not rows:
        return []
    names = sorted({name for labels, _, _ in rows for name in labels})
    fields = [
        Field("Time", Kind.TIME, [at for _, at, _ in rows]),
        *(
            Field(name, Kind.STRING, [labels.get(name, "") for labels, _, _ in rows])
            for name in names
        ),
        Field("Value", Kind.NUMBER, [value for _, _, value in rows]),
    ]
    return [Frame(ref_id, tuple(fields))]
