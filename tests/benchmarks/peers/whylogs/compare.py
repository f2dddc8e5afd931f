"""whylogs' profiles of window and reference, and its drift scores between the two."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import whylogs
from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

from tests.benchmarks.layout import names

folder, columns = Path(sys.argv[1]), int(sys.argv[2])
numerical, categorical = names(columns)
reference, current = (
    whylogs.log(
        pd.read_parquet(folder / f"{name}.parquet", columns=[*numerical, *categorical])
    ).view()
    for name in ("reference", "log")
)
calculate_drift_scores(current, reference, with_thresholds=True)
