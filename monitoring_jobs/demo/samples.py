"""The two sample populations: scikit-learn's own tables, resampled with a little noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes, load_wine

GRADES = ("low", "medium", "high")
REGIONS = {"piedmont": 0.5, "tuscany": 0.3, "veneto": 0.2}
CLINICS = {"north": 0.55, "south": 0.45}
# Noise on every measured value, as a share of the column's standard deviation.
_NOISE = 0.4


def wine(rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw wines: 13 measured features, a region and the grade as ``label``.

    The cultivars of scikit-learn's wine table stand in for grades of quality.
    """
    table = load_wine()
    # A slash in a column name would be legal and hard to type.
    names = [
        name.replace("/", "_").removesuffix("_of_diluted_wines") for name in table.feature_names
    ]
    picks = rng.integers(0, len(table.data), rows)
    frame = _measured(table.data, picks, names, rng)
    frame["region"] = rng.choice(list(REGIONS), rows, p=list(REGIONS.values()))
    frame["label"] = np.asarray(GRADES)[table.target[picks]]
    return frame


def diabetes(rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw patients: 10 features, a clinic and the outcome after a year as ``progression``."""
    table = load_diabetes(scaled=False)
    picks = rng.integers(0, len(table.data), rows)
    frame = _measured(table.data, picks, table.feature_names, rng)
    frame["age"] = frame["age"].round()
    frame["sex"] = table.data[picks, table.feature_names.index("sex")]
    frame["clinic"] = rng.choice(list(CLINICS), rows, p=list(CLINICS.values()))
    frame["progression"] = table.target[picks] + rng.normal(0.0, 5.0, rows)
    return frame


def features(frame: pd.DataFrame) -> list[str]:
    """Return the columns that a model is trained on: the measured ones."""
    return [
        str(name)
        for name in frame.columns
        if frame[name].dtype.kind == "f" and name not in _TARGETS
    ]


_TARGETS = ("label", "progression")


def _measured(
    values: np.ndarray, picks: np.ndarray, names: Sequence[str], rng: np.random.Generator
) -> pd.DataFrame:
    noise = rng.normal(0.0, _NOISE, (len(picks), values.shape[1])) * values.std(axis=0)
    return pd.DataFrame((values[picks] + noise).round(4), columns=list(names))
