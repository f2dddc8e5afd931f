"""Names reserved for online serving: no job pushes them, a model server that has them shows up."""

from __future__ import annotations

from typing import Any

from monitoring_jobs.metrics.metric import Alias, Group, Kind, Metric, Source

_SECONDS = "seconds"
_VERSION = ("model_name", "model_version")


def _metric(
    name: str, labels: tuple[str, ...], unit: str, meaning: str, formula: str, **more: Any
) -> Metric:
    return Metric(name=name, labels=labels, unit=unit, meaning=meaning, formula=formula, **more)


_REQUESTS = (
    _metric(
        "api_requests_total",
        ("method", "endpoint", "status"),
        "requests",
        "Requests answered",
        "by HTTP method, route and status code",
        kind=Kind.COUNTER,
    ),
    _metric(
        "api_request_duration_seconds",
        ("method", "endpoint"),
        _SECONDS,
        "Time until a request was answered",
        "answer - arrival",
        kind=Kind.HISTOGRAM,
        aliases=(Alias("api_request_latency_seconds", "api_request_duration_seconds"),),
    ),
    _metric(
        "api_active_requests",
        (),
        "requests",
        "Requests being answered",
        "arrived, not answered yet",
        aliases=(Alias("active_requests", "api_active_requests"),),
    ),
    _metric(
        "http_requests_total",
        ("method", "status"),
        "requests",
        "Requests answered, by the web server",
        "by HTTP method and status code",
        kind=Kind.COUNTER,
        aliases=(Alias("http_requests_throughput", "rate(http_requests_total[5m])"),),
    ),
    _metric(
        "http_request_duration_seconds",
        (),
        _SECONDS,
        "Time until a request was answered, by the web server",
        "answer - arrival",
        kind=Kind.HISTOGRAM,
    ),
)

_PREDICTIONS = (
    _metric(
        "prediction_latency_seconds",
        _VERSION,
        _SECONDS,
        "Time for a prediction",
        "features read until prediction written",
        kind=Kind.HISTOGRAM,
        aliases=(Alias("model_prediction_latency_seconds", "prediction_latency_seconds"),),
    ),
    _metric(
        "model_inference_time_seconds",
        _VERSION,
        _SECONDS,
        "Time that the model itself takes",
        "the call of `predict` alone",
        kind=Kind.HISTOGRAM,
    ),
    _metric(
        "mlflow_model_request_duration_seconds",
        _VERSION,
        _SECONDS,
        "Time until a request to a model was answered",
        "answer - arrival",
        kind=Kind.HISTOGRAM,
    ),
    _metric(
        "mlflow_predictions_total",
        (*_VERSION, "status"),
        "predictions",
        "Predictions, by how they ended",
        "one per row",
        kind=Kind.COUNTER,
    ),
)

_PROCESS = (
    _metric(
        "model_memory_usage_bytes",
        ("model_name",),
        "bytes",
        "Memory of the loaded model",
        "resident memory after loading - before",
    ),
    _metric(
        "model_load_time_seconds",
        ("model_name",),
        _SECONDS,
        "Time that loading the model took",
        "end - start of loading",
    ),
    _metric("system_cpu_usage", (), "percent, 0 to 100", "Busy processors", "of the machine"),
    _metric("system_ram_usage", (), "percent, 0 to 100", "Memory in use", "of the machine"),
    _metric("system_memory_usage_mb", (), "MiB", "Memory in use", "of the process"),
    _metric("system_disk_usage", (), "percent, 0 to 100", "Disk in use", "of the data's disk"),
)

GROUPS = (
    Group("Requests", Source.MODEL_SERVER, _REQUESTS),
    Group("Predictions online", Source.MODEL_SERVER, _PREDICTIONS),
    Group("Model and machine", Source.MODEL_SERVER, _PROCESS),
)
