"""Run real Dags in one process, without a scheduler, and print one JSON line per finished run.

    python dags/_run_windows.py --dag monitor__wine_quality --start 2026-11-01 --end 2026-11-08
    python dags/_run_windows.py --dag extract_mlflow_runs

A monitor's Dag runs once for each of its windows that ends in (start, end], oldest first, as if the
scheduler had started it; any other Dag runs once. Airflow's own log goes to standard error. Exit
code 1 when a run failed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from _scheduled_runs import run_as_scheduled, store_dags

from monitoring_jobs.links import DAG_PREFIX
from monitoring_jobs.monitor_files import load_folder
from monitoring_jobs.windows import Window, windows_between

if TYPE_CHECKING:
    from airflow.sdk import DAG

FOLDER = Path(__file__).resolve().parent
BUNDLE = "dags-folder"  # Airflow's own name for the folder of its setting


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; return the exit code."""
    asked = _parse(arguments)
    results = _claim_stdout()
    # Before airflow is imported: its settings are read then.
    os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(FOLDER)
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    dags = _load(asked.dag)
    from _task_logs import task_logs

    failed = False
    with task_logs():
        for dag_id in asked.dag:
            for window in _windows(dag_id, asked.start, asked.end):
                result = _run(dags[dag_id], window, retries=asked.retries)
                failed |= result["state"] != "success"
                print(json.dumps(result), file=results, flush=True)
    return 1 if failed else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_AsWritten)
    parser.add_argument("--dag", action="append", required=True, help="Dag id; may be repeated")
    parser.add_argument("--start", type=_instant, help="ISO 8601; UTC where no offset is given")
    parser.add_argument("--end", type=_instant, help="no window ends later")
    parser.add_argument("--retries", type=int, default=0, help="per task; default: none")
    asked = parser.parse_args(arguments)
    for dag_id in asked.dag:
        if dag_id.startswith(DAG_PREFIX) and (asked.start is None or asked.end is None):
            parser.error(f"{dag_id} needs --start and --end")
    return asked


class _AsWritten(argparse.RawDescriptionHelpFormatter):
    """Keep the lines of the description."""


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{text!r} is no instant; write ISO 8601") from exc
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _claim_stdout() -> TextIO:
    """Keep standard output for results; whatever else writes there goes to standard error."""
    results = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return results


def _load(dag_ids: Sequence[str]) -> dict[str, DAG]:
    from airflow.dag_processing.dagbag import BundleDagBag

    bag = BundleDagBag(dag_folder=str(FOLDER), bundle_path=FOLDER, bundle_name=BUNDLE)
    missing = [dag_id for dag_id in dag_ids if dag_id not in bag.dags]
    if missing:
        known = ", ".join(sorted(bag.dags)) or "none"
        broken = "".join(f"\n{error}" for error in bag.import_errors.values())
        raise SystemExit(f"no such Dag: {', '.join(missing)}; known are {known}{broken}")
    store_dags(bag, BUNDLE)
    return {dag_id: bag.dags[dag_id] for dag_id in dag_ids}


def _windows(dag_id: str, start: datetime | None, end: datetime | None) -> Iterator[Window | None]:
    from _shared import monitors_folder

    specs = {
        DAG_PREFIX + file.spec.name: file.spec
        for file in load_folder(monitors_folder())
        if file.spec
    }
    if dag_id not in specs or start is None or end is None:
        yield None
        return
    spec = specs[dag_id]
    yield from windows_between(start, end, spec.boundaries, length=spec.length)


def _run(dag: DAG, window: Window | None, *, retries: int) -> dict[str, Any]:
    for task in dag.tasks:
        task.retries = retries
    began = time.perf_counter()
    run = run_as_scheduled(dag, window) if window else dag.test(run_after=datetime.now(UTC))
    return {
        "dag_id": dag.dag_id,
        "run_id": run.run_id,
        "state": str(run.state),
        "window": {"start": _iso(window.start), "end": _iso(window.end)} if window else None,
        "seconds": round(time.perf_counter() - began, 3),
        "failed_tasks": sorted(
            ti.task_id for ti in run.get_task_instances() if str(ti.state) == "failed"
        ),
    }


def _iso(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


if __name__ == "__main__":
    sys.exit(main())
