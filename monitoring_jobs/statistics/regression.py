"""Errors of predicted numbers; definitions as in scikit-learn 1.9 (``sklearn.metrics``).

Every function takes two float64 arrays of the same length without gaps, the target first, and
returns NaN where the error is not defined.
"""

from __future__ import annotations

import numpy as np

from monitoring_jobs.statistics.numeric import Floats


def mae(target: Floats, prediction: Floats) -> float:
    """Return the mean absolute error, in units of the target."""
    return float(np.abs(target - prediction).mean()) if target.size else np.nan


def rmse(target: Floats, prediction: Floats) -> float:
    """Return the root of the mean squared error, in units of the target."""
    return float(np.sqrt(np.square(target - prediction).mean())) if target.size else np.nan


def mape(target: Floats, prediction: Floats) -> float:
    """Return the mean absolute percentage error as a share: 0.1 means ten per cent.

    A target of 0 counts as float64's epsilon, which makes the error huge and finite.
    """
    if not target.size:
        return np.nan
    size = np.maximum(np.abs(target), np.finfo(np.float64).eps)
    return float((np.abs(target - prediction) / size).mean())


def r2(target: Floats, prediction: Floats) -> float:
    """Return the coefficient of determination: 1 is perfect, 0 as good as the target's mean.

    For a constant target 1 if every prediction hits it, else 0. NaN below two rows.
    """
    if target.size < 2:
        return np.nan
    residual = np.square(target - prediction).sum()
    total = np.square(target - target.mean()).sum()
    if total == 0:
        return float(residual == 0)
    return float(1 - residual / total)
