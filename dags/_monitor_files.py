"""Which monitor files become Dags in this process, and what these are called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from _broken_monitors import name_of
from airflow.sdk import get_parsing_context

from monitoring_jobs.links import DAG_PREFIX
from monitoring_jobs.monitor_files import MonitorFile, load_folder, load_mentioning


def files_to_build(folder: Path) -> Iterator[tuple[MonitorFile, str]]:
    """Yield the monitor files that this process needs, with their Dags' ids.

    The Dag processor needs all. A task needs its own: to read and build a thousand takes longer
    than most of them run.
    """
    wanted = get_parsing_context().dag_id
    if wanted is not None:
        mentioning = load_mentioning(folder, wanted.removeprefix(DAG_PREFIX))
        found = [(file, dag_id) for file, dag_id in dag_ids(mentioning) if dag_id == wanted]
        if found:
            yield from found
            return
    yield from dag_ids(load_folder(folder))


def dag_ids(files: Sequence[MonitorFile]) -> Iterator[tuple[MonitorFile, str]]:
    """Yield every file with its Dag's id: by the monitor's name, a broken file by its own.

    A broken file whose name would take the id of another Dag gets a number.
    """
    taken = {f"{DAG_PREFIX}{file.spec.name}" for file in files if file.spec}
    for file in files:
        if file.spec:
            yield file, f"{DAG_PREFIX}{file.spec.name}"
            continue
        wanted = dag_id = f"{DAG_PREFIX}{name_of(file)}"
        number = 2
        while dag_id in taken:
            dag_id, number = f"{wanted}__{number}", number + 1
        taken.add(dag_id)
        yield file, dag_id
