"""Runs of MLflow: the newest, how they ended, and whether we still hear of them."""

from __future__ import annotations

from collections.abc import Sequence

from monitoring_dashboards import links, statuses
from monitoring_dashboards.conditions import among
from monitoring_dashboards.fields import Field
from monitoring_dashboards.panels import (
    Caption,
    Look,
    Panel,
    Style,
    pie_chart,
    table,
    timeseries,
)
from monitoring_dashboards.statuses import BLUE, GRAY, GREEN, ORANGE, RED
from monitoring_dashboards.targets import series, sql
from monitoring_dashboards.units import COUNT, INSTANT

# What people and MLflow's autologging call the three, the most telling name first.
ACCURACY = ("accuracy", "val_accuracy", "test_accuracy", "accuracy_score", "training_accuracy")
LOSS = ("loss", "val_loss", "test_loss", "log_loss", "training_log_loss")
F1 = ("f1_score", "f1", "val_f1_score", "test_f1_score", "training_f1_score")
CHOSEN = f"lifecycle_stage = 'active' AND {among('experiment_name', 'experiment')}"
# Leaves out NaN and infinities: both sort above this.
NUMBERS = "ABS(metric.value) < 1e308"

_STATUSES = {
    "finished": GREEN,
    "failed": RED,
    "killed": ORANGE,
    "running": BLUE,
    "scheduled": GRAY,
}
NO_RUN = "No run of the experiments chosen began in this time range, as of the last extraction."


def listed(names: Sequence[str]) -> str:
    """Return names as SQL."""
    return ", ".join(f"'{name}'" for name in names)


def newest() -> Panel:
    """Return the newest run of each experiment with what it yielded."""
    return table(
        Caption(
            title="Newest run of each experiment",
            description="Runs that failed come first. Accuracy, F1 and loss under whichever of"
            " their usual names was logged; a dash where none was",
            unit="none",
            empty=NO_RUN,
        ),
        [
            sql(f"""
            WITH newest AS (
                SELECT DISTINCT ON (experiment_id) *
                FROM mlflow_runs
                WHERE $__timeFilter(started_at) AND {CHOSEN}
                ORDER BY experiment_id, started_at DESC
            )

            SELECT
                newest.experiment_name AS experiment,
                LOWER(newest.status) AS status,
                newest.started_at AS started,
                COALESCE(NULLIF(newest.name, ''), newest.run_id) AS run,
                {_first_of(ACCURACY)} AS accuracy,
                {_first_of(F1)} AS f1,
                {_first_of(LOSS)} AS loss,
                newest.duration_seconds AS duration,
                newest.experiment_id,
                newest.run_id
            FROM newest
            LEFT JOIN mlflow_run_metrics AS metric ON metric.run_id = newest.run_id
            GROUP BY
                newest.experiment_name, newest.status, newest.started_at, newest.name,
                newest.duration_seconds, newest.experiment_id, newest.run_id
            ORDER BY newest.status <> 'FAILED', newest.started_at DESC
            LIMIT 200
            """)
        ],
        size=(17, 8),
        style=Style(
            fields=[
                *_fields(),
                Field(name="accuracy", title="Accuracy", unit="percentunit", decimals=1, width=100),
                Field(name="f1", title="F1", unit="percentunit", decimals=1, width=90),
                Field(name="loss", title="Loss", decimals=4, width=90),
            ]
        ),
    )


def outcomes() -> Panel:
    """Return how the runs of the experiments ended."""
    counts = ",\n".join(
        f"COALESCE(SUM(runs) FILTER (WHERE LOWER(status) = '{status}'), 0) AS {status}"
        for status in _STATUSES
    )
    return pie_chart(
        Caption(
            title="Runs by outcome",
            description="All runs of the experiments chosen, also those before this time range",
            unit=COUNT,
            empty="No run of the experiments chosen was extracted yet.",
        ),
        [
            sql(f"""
            SELECT {counts}
            FROM run_status_counts
            WHERE {among("experiment_name", "experiment")}
            HAVING COUNT(*) > 0
            """)
        ],
        size=(7, 8),
        style=Style(fields=[Field(name=name, color=color) for name, color in _STATUSES.items()]),
    )


def per_day() -> Panel:
    """Return runs a day by outcome."""
    return timeseries(
        Caption(
            title="Runs a day",
            description="Runs of the experiments chosen by the day on which they began, and by how"
            " they ended",
            unit=COUNT,
            empty=NO_RUN,
        ),
        [
            series(f"""
            SELECT
                $__timeGroup(started_at, '1d') AS time, LOWER(status) AS metric, COUNT(*) AS value
            FROM mlflow_runs
            WHERE $__timeFilter(started_at) AND {CHOSEN}
            GROUP BY 1, 2
            ORDER BY 1
            """)
        ],
        size=(24, 7),
        look=Look.STACKED,
        style=Style(fields=[Field(name=name, color=color) for name, color in _STATUSES.items()]),
    )


def latest() -> Panel:
    """Return the latest runs, each with all of its metrics."""
    return table(
        Caption(
            title="Latest runs",
            description="The newest 100 runs with all that they logged. The name opens the run in"
            " MLflow",
            unit="none",
            empty=NO_RUN,
        ),
        [
            sql(f"""
            SELECT
                run.started_at AS started,
                run.experiment_name AS experiment,
                COALESCE(NULLIF(run.name, ''), run.run_id) AS run,
                LOWER(run.status) AS status,
                run.duration_seconds AS duration,
                run.user_id AS by,
                (
                    SELECT
                        STRING_AGG(
                            metric.name || ' ' || ROUND(metric.value::numeric, 4), ', '
                            ORDER BY metric.name
                        )
                    FROM mlflow_run_metrics AS metric
                    WHERE metric.run_id = run.run_id AND {NUMBERS}
                ) AS metrics,
                run.experiment_id,
                run.run_id
            FROM mlflow_runs AS run
            WHERE $__timeFilter(run.started_at) AND {CHOSEN}
            ORDER BY run.started_at DESC
            LIMIT 100
            """)
        ],
        size=(24, 10),
        style=Style(
            fields=[
                *_fields(),
                Field(name="by", title="By", width=110),
                Field(name="metrics", title="Metrics"),
            ]
        ),
    )


def _first_of(names: Sequence[str]) -> str:
    """Return SQL for a run's metric: the first of the names that was logged."""
    places = f"ARRAY_POSITION(ARRAY[{listed(names)}]::text[], metric.name::text)"
    among_them = f"metric.name IN ({listed(names)}) AND {NUMBERS}"
    return f"(ARRAY_AGG(metric.value ORDER BY {places}) FILTER (WHERE {among_them}))[1]"


def _fields() -> list[Field]:
    """Return what the tables of runs have in common."""
    experiment = links.experiment(links.column("experiment_id"))
    run = links.run(links.column("experiment_id"), links.column("run_id"))
    colors = {name: (name, color) for name, color in _STATUSES.items()}
    return [
        Field(name="experiment", title="Experiment", links=[experiment]),
        Field(name="run", title="Run", links=[run]),
        Field(
            name="status",
            title="Status",
            width=110,
            mappings=statuses.words(colors),
            cell="color-background",
        ),
        Field(name="started", title="Started", unit=INSTANT, width=180),
        Field(name="duration", title="Training time", unit="s", width=120),
        Field(name="experiment_id", hidden=True),
        Field(name="run_id", hidden=True),
    ]
