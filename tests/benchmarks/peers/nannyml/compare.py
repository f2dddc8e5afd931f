"""NannyML's univariate drift as it comes: default methods, default chunks."""

from __future__ import annotations

import sys
from pathlib import Path

import nannyml
import pandas as pd

from tests.benchmarks.layout import names

folder, columns = Path(sys.argv[1]), int(sys.argv[2])
numerical, categorical = names(columns)
reference, current = (
    pd.read_parquet(folder / f"{name}.parquet", columns=[*numerical, *categorical])
    for name in ("reference", "log")
)
calculator = nannyml.UnivariateDriftCalculator(
    column_names=[*numerical, *categorical], treat_as_categorical=categorical
)
calculator.fit(reference).calculate(current).to_df()
