"""Train, register and log traffic, in a process of its own.

Run by the demo as ``python -m monitoring_jobs.demo.prepare FOLDER LAST_DAY`` with
MLFLOW_TRACKING_URI set. Prints one JSON line per thing that is done, and nothing else: what MLflow
says goes to stderr.
"""

from __future__ import annotations

import contextlib
import json
import sys
from datetime import date
from pathlib import Path
from typing import TextIO


def main(traffic: Path, last_day: date, progress: TextIO) -> None:
    """Make the models and their traffic, telling ``progress`` what is done."""
    from monitoring_jobs.demo.models import RECIPES, train
    from monitoring_jobs.demo.traffic import write_traffic

    for recipe in RECIPES:
        model = train(recipe)
        _tell(progress, done="model", name=recipe.name, versions=len(recipe.versions))
        rows = write_traffic(model, traffic, last_day)
        _tell(progress, done="traffic", name=recipe.name, rows=rows)


def _tell(progress: TextIO, **fields: object) -> None:
    progress.write(json.dumps(fields) + "\n")
    progress.flush()


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        main(Path(sys.argv[1]), date.fromisoformat(sys.argv[2]), sys.__stdout__ or sys.stderr)
