"""What the running stack holds behind the UI: judged windows in Postgres, gauges in the gateway."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import NullPool, create_engine, text

from monitoring_jobs.evaluation_ids import evaluation_id
from monitoring_jobs.windows import Window
from tests.fixtures.airflow_stack import AirflowStack, state_of

DAY = timedelta(days=1)
_NEWEST = ("monitoring_window_end_timestamp_seconds", "monitoring_status", "drift_columns_share")


@dataclass(frozen=True)
class Judged:
    """An evaluation as the view tells of it."""

    attempt: str
    status: str
    run_id: str


def judged(stack: AirflowStack, monitor: str) -> dict[str, Judged]:
    """Return the evaluations of a monitor by id, oldest first."""
    query = text(
        "SELECT evaluation_id, attempt, status, dag_run_id FROM monitoring.evaluations "
        "WHERE monitor = :monitor ORDER BY window_end"
    )
    engine = create_engine(stack.databases["reader"], poolclass=NullPool)
    with engine.connect() as connection:
        rows = connection.execute(query, {"monitor": monitor}).all()
    return {row[0]: Judged(row[1], row[2], row[3]) for row in rows}


def day_of(stack: AirflowStack, number: int) -> datetime:
    """Return the start of a day of the demo's traffic: 0 is the first one that the demo judged."""
    # Seven days are judged, the last one is yesterday's.
    days = sorted(path.name for path in (stack.home.traffic / "wine_quality").iterdir())
    last = datetime.fromisoformat(f"{days[-1].removeprefix('day=')}T00:00:00+00:00")
    return last + (number - 6) * DAY


def id_of_day(monitor: str, start: datetime) -> str:
    """Return the id of the evaluation of a day."""
    return evaluation_id(monitor, Window(start, start + DAY))


def newest_gauges(stack: AirflowStack, monitor: str) -> list[str]:
    """Return the gauges that say how the newest window of a monitor stands."""
    gateway = state_of(stack.folder).services["pushgateway"].url
    with urllib.request.urlopen(f"{gateway}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return [line for line in lines if line.startswith(_NEWEST) and f'monitor="{monitor}"' in line]
