"""Distances between the distribution functions of two numerical columns: 0 where they agree.

The definitions are those of Evidently 0.7.23 (``evidently.legacy.calculations.stattests``);
``binned.py`` has the distances over bins. Every function returns NaN where the distance is not
defined, which is the case for a column without values and where float64 overflows.
"""

from __future__ import annotations

import math

import numpy as np

from monitoring_jobs.statistics.empirical import area_between, squared_area_between
from monitoring_jobs.statistics.numeric import NumericColumn

# Evidently's floor under the standard deviation.
LEAST_STD = 0.001


def wasserstein(reference: NumericColumn, current: NumericColumn) -> float:
    """Return the first Wasserstein distance in units of the reference's standard deviation.

    W1 is the area between the two empirical distribution functions (Vallender 1974); the standard
    deviation has divisor n and is at least 0.001.
    """
    if not reference.n or not current.n:
        return np.nan
    with np.errstate(over="ignore", invalid="ignore"):
        norm = max(reference.population_std, LEAST_STD)
        return area_between(reference.sorted, current.sorted) / norm


def ed(reference: NumericColumn, current: NumericColumn) -> float:
    """Return the energy distance: the root of twice the integral of the squared gap.

    The gap is that between the two empirical distribution functions (Székely 2002), as in
    ``scipy.stats.energy_distance``. Its unit is the root of the column's.
    """
    if not reference.n or not current.n:
        return np.nan
    with np.errstate(over="ignore", invalid="ignore"):
        return math.sqrt(2 * squared_area_between(reference.sorted, current.sorted))
