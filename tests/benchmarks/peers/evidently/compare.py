"""Evidently's own drift and summary presets on the same files: what a team would write first."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset, DataSummaryPreset

from tests.benchmarks.layout import names

folder, columns = Path(sys.argv[1]), int(sys.argv[2])
numerical, categorical = names(columns)
definition = DataDefinition(numerical_columns=numerical, categorical_columns=categorical)
current, reference = (
    Dataset.from_pandas(
        pd.read_parquet(folder / f"{name}.parquet", columns=[*numerical, *categorical]),
        data_definition=definition,
    )
    for name in ("log", "reference")
)
Report([DataDriftPreset(), DataSummaryPreset()]).run(current, reference).dict()
