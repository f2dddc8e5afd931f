"""Two weeks of prediction logs per model, with the faults of ``faults.py`` in them.

Every number is drawn from a seed made of the model and of how many days ago a day was, never of the
date: whenever the demo runs, the traffic differs in its timestamps alone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from monitoring_jobs.demo.faults import (
    DAYS_OF_TRAFFIC,
    DIABETES,
    LATE_LABELS,
    LOST_VALUES,
    MONITORS,
    NEW_CATEGORY,
    SUDDEN_SHIFT,
    WINE,
)
from monitoring_jobs.demo.models import TrainedModel

_ROWS = {WINE: 2_000, DIABETES: 2_400}
# What the photometer reads, and how far a reading has faded on the last day in standard deviations.
_FADED = dict.fromkeys(("color_intensity", "hue", "od280_od315"), 0.9) | dict.fromkeys(
    (
        "flavanoids",
        "total_phenols",
        "nonflavanoid_phenols",
        "proanthocyanins",
        "malic_acid",
        "magnesium",
        "proline",
    ),
    0.42,
)
_SHIFTED = ("bp", "s1", "s2", "s3", "s4", "s5", "s6")
_MILLISECONDS_A_DAY = 86_400_000


def write_traffic(model: TrainedModel, folder: Path, last_day: date) -> int:
    """Write the logs of the two weeks that end with ``last_day``; return the number of rows."""
    return sum(
        write_day(model, folder, last_day - timedelta(days=days_ago - 1), days_ago)
        for days_ago in range(DAYS_OF_TRAFFIC, 0, -1)
    )


def write_day(model: TrainedModel, folder: Path, day: date, days_ago: int) -> int:
    """Write the log of one day as a file below ``folder``; return the number of rows."""
    name = model.recipe.name
    home = folder / name
    home.mkdir(parents=True, exist_ok=True)
    frame = one_day(model, day, days_ago)
    _WRITERS[name](frame, home, day)
    return len(frame)


def one_day(model: TrainedModel, day: date, days_ago: int) -> pd.DataFrame:
    """Return the prediction log of one day, oldest row first."""
    name = model.recipe.name
    rng = np.random.default_rng([MONITORS.index(name), days_ago])
    rows = model.recipe.draw(_ROWS[name], rng)
    logged = model.log(_SPOILERS[name](rows, days_ago, rng))
    if name == DIABETES and LATE_LABELS.strikes(days_ago):
        logged["progression"] = np.nan
    moments = np.sort(rng.integers(0, _MILLISECONDS_A_DAY, len(logged)))
    moments[0] = 0  # a row on the boundary belongs to the day that begins with it
    logged.insert(0, "ts", pd.Timestamp(day, tz="UTC") + pd.to_timedelta(moments, unit="ms"))
    logged.insert(0, "request_id", [f"{name}-{day:%Y%m%d}-{i:05d}" for i in range(len(logged))])
    return logged


def _spoil_wine(rows: pd.DataFrame, days_ago: int, rng: np.random.Generator) -> pd.DataFrame:
    rows = rows.copy()
    for column, faded in _FADED.items():
        rows[column] -= faded * 0.5 ** (days_ago - 1) * rows[column].std()
    if LOST_VALUES.strikes(days_ago):
        for column in ("flavanoids", "proline"):
            rows.loc[rng.random(len(rows)) < 0.45, column] = np.nan
    if NEW_CATEGORY.strikes(days_ago):
        rows.loc[rng.random(len(rows)) < 0.15, "region"] = "patagonia"
    return rows


def _spoil_diabetes(rows: pd.DataFrame, days_ago: int, _: np.random.Generator) -> pd.DataFrame:
    if not SUDDEN_SHIFT.strikes(days_ago):
        return rows
    return rows.assign(**{column: rows[column] + 1.2 * rows[column].std() for column in _SHIFTED})


def _write_parquet(frame: pd.DataFrame, home: Path, day: date) -> None:
    partition = home / f"day={day.isoformat()}"
    partition.mkdir()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), partition / "part-0.parquet")


def _write_csv(frame: pd.DataFrame, home: Path, day: date) -> None:
    text = frame.assign(ts=frame["ts"].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    text.to_csv(home / f"{day.isoformat()}.csv", index=False)


_Spoiler = Callable[[pd.DataFrame, int, np.random.Generator], pd.DataFrame]
_SPOILERS: dict[str, _Spoiler] = {WINE: _spoil_wine, DIABETES: _spoil_diabetes}
_WRITERS: dict[str, Callable[[pd.DataFrame, Path, date], None]] = {
    WINE: _write_parquet,
    DIABETES: _write_csv,
}
