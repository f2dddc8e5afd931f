"""Batch monitoring of MLflow models: extract, evaluate, publish."""

__version__ = "0.1.0"

from typing import TYPE_CHECKING

from monitoring_jobs.errors import MonitoringError, TerminalError, TransientError
from monitoring_jobs.evaluate import evaluate
from monitoring_jobs.extract import extract_runs
from monitoring_jobs.publish import publish
from monitoring_jobs.results import Evaluation, Measurement, Status
from monitoring_jobs.split import evaluate_part
from monitoring_jobs.windows import Window

if TYPE_CHECKING:
    from monitoring_jobs.monitor_files import load_monitor
    from monitoring_jobs.settings import Settings
    from monitoring_jobs.spec import MonitorSpec

__all__ = [
    "Evaluation",
    "Measurement",
    "MonitorSpec",
    "MonitoringError",
    "Settings",
    "Status",
    "TerminalError",
    "TransientError",
    "Window",
    "evaluate",
    "evaluate_part",
    "extract_runs",
    "load_monitor",
    "publish",
]

# pydantic's models take most of the import budget, and a Dag file may need none of them.
_LATE = {
    "MonitorSpec": "monitoring_jobs.spec",
    "Settings": "monitoring_jobs.settings",
    "load_monitor": "monitoring_jobs.monitor_files",
}


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    late: object = getattr(import_module(_LATE[name]), name)
    return late
