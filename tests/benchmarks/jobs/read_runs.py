"""Read all runs of an MLflow server: ``read_runs full|incremental|page RUNS``."""

from __future__ import annotations

import os
import sys
import time

from tests.benchmarks.processes import tell


def extract() -> int:
    """Extract into Postgres as the command does; the settings are in the environment."""
    from monitoring_jobs.extract import extract_runs
    from monitoring_jobs.settings import Settings

    return extract_runs(Settings.load()).runs


def page() -> int:
    """Page through all runs by MLflow's own client on one thread, and keep nothing."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs, token = 0, None
    while True:
        found = client.search_runs(experiments, max_results=1000, page_token=token)
        runs, token = runs + len(found), found.token
        if not token:
            return runs


def main() -> None:
    how, expected = sys.argv[1], int(sys.argv[2])
    import mlflow.tracking  # noqa: F401 - seconds that a worker of Airflow spends once, not per job

    if how != "page":
        import monitoring_jobs.extract
        import monitoring_jobs.sinks.mlflow_tables
        import monitoring_jobs.tracking  # noqa: F401

    began = time.perf_counter()
    runs = page() if how == "page" else extract()
    seconds = time.perf_counter() - began
    if runs != expected:
        raise SystemExit(f"{how} read {runs} runs instead of {expected}")
    tell(seconds)


if __name__ == "__main__":
    main()
