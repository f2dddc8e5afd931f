"""Whether MLflow answers, how old what we know of it is, and what needs a look."""

from __future__ import annotations

from monitoring_dashboards import statuses
from monitoring_dashboards.mlflow_runs import CHOSEN, NO_RUN
from monitoring_dashboards.panels import Caption, Panel, Size, Style, stat
from monitoring_dashboards.statuses import BLUE, GREEN, RED, YELLOW, Steps
from monitoring_dashboards.targets import instant, sql
from monitoring_dashboards.units import COUNT

_DAY = 86_400
_NEVER = "MLflow was never extracted: run `monitoring-jobs extract`, or enable its Dag."


def figures() -> list[Panel]:
    """Return whether MLflow answers, how old what we know is, and what needs a look."""
    return [
        stat(
            Caption(
                title="MLflow",
                description="Whether the tracking server answered the last extraction",
                unit="none",
                empty=f"Nothing in Prometheus. {_NEVER}",
            ),
            [instant("max(mlflow_up)", legend="answers")],
            size=(6, 4),
            style=Style(mappings=statuses.up_or_down(), steps=Steps(RED, (1, GREEN))),
        ),
        age(size=(6, 4)),
        stat(
            Caption(
                title="Failed runs",
                description="Runs of the experiments chosen that began in this time range and"
                " failed or were killed",
                unit=COUNT,
                empty=NO_RUN,
            ),
            [
                sql(f"""
                SELECT COUNT(*) FILTER (WHERE status IN ('FAILED', 'KILLED')) AS failed
                FROM mlflow_runs
                WHERE $__timeFilter(started_at) AND {CHOSEN}
                HAVING COUNT(*) > 0
                """)
            ],
            size=(6, 4),
            style=Style(steps=Steps(GREEN, (1, RED))),
        ),
        stat(
            Caption(
                title="Experiments",
                description="Active experiments on the server, and metrics that were too many to"
                " push to Prometheus (Postgres has them all)",
                unit=COUNT,
                empty=f"Nothing in Prometheus. {_NEVER}",
            ),
            [
                instant("max(mlflow_experiments)", legend="experiments"),
                instant("max(mlflow_series_left_out)", legend="metrics not pushed"),
            ],
            size=(6, 4),
            style=Style(color=BLUE),
        ),
    ]


def age(*, size: Size) -> Panel:
    """Return how old what we know of MLflow is."""
    return stat(
        Caption(
            title="Since the last extraction",
            description="What is shown of MLflow is as old as this. Extractions are daily: over a "
            "day and a half is late",
            unit="s",
            empty=_NEVER,
        ),
        [
            sql(
                """
                SELECT EXTRACT(EPOCH FROM NOW() - MAX(extracted_at))::double precision AS age
                FROM mlflow_extractions
                HAVING COUNT(*) > 0
                """
            )
        ],
        size=size,
        style=Style(steps=Steps(GREEN, (1.5 * _DAY, YELLOW), (2 * _DAY, RED))),
    )
