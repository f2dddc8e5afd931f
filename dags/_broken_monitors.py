"""Monitor files that cannot be used: each shows as a Dag of its own that names what is wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence

from _markup import printable, text
from _shared import MONITOR_DAG, task_defaults
from airflow.sdk import DAG, CronDataIntervalTimetable, literal, task
from airflow.sdk.exceptions import AirflowFailException

from monitoring_jobs.monitor_files import MonitorFile

_LONGEST_NAME = 200


def broken_dag(dag_id: str, file: MonitorFile) -> DAG:
    """Build the Dag of a file that cannot be used: it fails each day until somebody mends it."""
    with DAG(
        dag_id,
        schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
        default_args=task_defaults(name_of(file)),
        dag_display_name=f"Monitor file {printable(file.path.name)} (broken)"[:_LONGEST_NAME],
        doc_md=_as_markdown(file.problems),
        tags=["monitoring", "broken"],
        **MONITOR_DAG,
    ) as dag:
        # A file's text is data: literal() keeps it from being rendered as a template.
        read_monitor_file(literal(list(map(printable, file.problems))))
    return dag


@task(doc_md="Fails with what is wrong with the file, each day until somebody mends it.")
def read_monitor_file(problems: list[str]) -> None:
    """Fail with the problems of a monitor file."""
    raise AirflowFailException("\n".join(problems))


def name_of(file: MonitorFile) -> str:
    """Return the file's name in the letters that a Dag id may have."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", file.path.stem)[:100]


def _as_markdown(problems: Sequence[str]) -> str:
    """Return problems as a list, in which no markup is alive."""
    listed = "\n".join(f"- {text(problem)}" for problem in problems)
    return (
        f"This monitor file cannot be used. Mend it, and its monitor takes this place:\n\n{listed}"
    )
