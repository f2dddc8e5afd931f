"""The note that a demo leaves when it ran to its end: `make up` has something to show there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version

from monitoring_jobs.demo.folder import DemoFolder


@dataclass(frozen=True, slots=True)
class Finished:
    """A demo that ran to its end.

    Attributes:
        last_day: The last day of its traffic.
        airflow: The version of Airflow that its metadata database is of.
    """

    last_day: date
    airflow: str

    def write(self, folder: DemoFolder) -> None:
        """Leave the note."""
        content = {"last_day": self.last_day.isoformat(), "airflow": self.airflow}
        folder.finished.write_text(json.dumps(content), encoding="utf-8")


def airflow_version() -> str:
    """Return the version of Airflow that is installed."""
    return version("apache-airflow")


def read_finished(folder: DemoFolder) -> Finished | None:
    """Return the note of the demo in a folder; None where none ran to its end."""
    try:
        content = json.loads(folder.finished.read_bytes())
        return Finished(date.fromisoformat(content["last_day"]), str(content["airflow"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
