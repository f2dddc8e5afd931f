"""What dashboards ask, as their panels, variables and alerts write it, macros filled in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from tests.benchmarks.two_years import COLUMN, END, MONITOR

RANGES = {"7 days": 7, "90 days": 90, "2 years": 730}
# Over two years nobody tells one day from the next: a point a week.
_WEEK = "date_bin('7 days', window_start, '2024-01-01Z')"


@dataclass(frozen=True, slots=True)
class Question:
    """One query and its values.

    Attributes:
        what: What it asks.
        sql: As a panel writes it.
        days: How far it looks back; 0 where it does not.
    """

    what: str
    sql: str
    days: int = 0

    @property
    def values(self) -> dict[str, object]:
        """What the panel's variables and time range stand for."""
        since = END - timedelta(days=self.days or 730)
        return {"monitor": MONITOR, "column": COLUMN, "since": since, "until": END}


_ONE = "monitor = %(monitor)s"
_IN = "window_start BETWEEN %(since)s AND %(until)s"
_WHOLE = "segment = ''"

# Asked of each range as they stand.
_EACH_RANGE = {
    "drift, one feature": "SELECT window_start AS time, score, threshold, excess FROM column_drift "
    f"WHERE {_ONE} AND column_name = %(column)s AND {_WHOLE} AND {_IN} ORDER BY 1",
    "drifted share": "SELECT window_start AS time, value, threshold FROM measurements "
    f"WHERE {_ONE} AND check_name = 'drift' AND metric = 'drifted_share' AND {_WHOLE} AND {_IN} "
    "ORDER BY 1",
    "quality of windows": f"SELECT window_start AS time, * FROM window_quality "
    f"WHERE {_ONE} AND {_WHOLE} AND {_IN} ORDER BY 1",
    "quality, one feature": "SELECT window_start AS time, * FROM column_quality "
    f"WHERE {_ONE} AND column_name = %(column)s AND {_WHOLE} AND {_IN} ORDER BY 1",
    "performance": "SELECT window_start AS time, metric, value, threshold, label_coverage "
    f"FROM performance WHERE {_ONE} AND {_WHOLE} AND {_IN} ORDER BY 1",
    "performance, one metric": "SELECT window_start AS time, value, threshold FROM performance "
    f"WHERE {_ONE} AND metric = 'rmse' AND {_WHOLE} AND {_IN} ORDER BY 1",
    "prediction volume": "SELECT window_start AS time, rows, predictions, mean_prediction "
    f"FROM prediction_volume WHERE {_ONE} AND {_IN} ORDER BY 1",
    "all monitors, verdicts a day": "SELECT window_start AS time, status, count(*) "
    f"FROM evaluations WHERE {_IN} GROUP BY 1, 2 ORDER BY 1",
    "all monitors, rows a day": "SELECT window_start AS time, sum(rows) AS rows "
    f"FROM prediction_volume WHERE {_IN} GROUP BY 1 ORDER BY 1",
    "durations of attempts": "SELECT window_start AS time, outcome, duration_seconds "
    f"FROM attempts WHERE {_ONE} AND {_IN} ORDER BY 1",
    "events for annotations": "SELECT at AS time, text FROM model_events "
    "WHERE model_name = 'model_2' AND at BETWEEN %(since)s AND %(until)s "
    f"UNION ALL SELECT at, text FROM reference_changes WHERE {_ONE} "
    "AND at BETWEEN %(since)s AND %(until)s",
}
# Every column of every window, up to a quarter of a year; a point a week beyond.
_EVERY_DAY = {
    "drift, all columns": "SELECT window_start AS time, column_name, excess FROM column_drift "
    f"WHERE {_ONE} AND {_WHOLE} AND {_IN} ORDER BY 1",
    "missing, all columns": "SELECT window_start AS time, column_name, value FROM measurements "
    f"WHERE {_ONE} AND check_name = 'quality' AND metric = 'missing_share' AND {_WHOLE} AND {_IN} "
    "ORDER BY 1",
    "quality, all columns": "SELECT window_start AS time, column_name, completeness, outlier_share "
    f"FROM column_quality WHERE {_ONE} AND {_WHOLE} AND {_IN} ORDER BY 1",
    "all monitors, drifted share": "SELECT window_start AS time, monitor, value FROM measurements "
    "WHERE check_name = 'drift' AND metric = 'drifted_share' AND column_name = '' "
    f"AND {_WHOLE} AND {_IN} ORDER BY 1",
}
_EVERY_WEEK = {
    "drift, all columns, weekly": f"SELECT {_WEEK} AS time, column_name, max(excess) "
    f"FROM column_drift WHERE {_ONE} AND {_WHOLE} AND {_IN} GROUP BY 1, 2 ORDER BY 1",
    "missing, all columns, weekly": f"SELECT {_WEEK} AS time, column_name, max(value) "
    "FROM measurements WHERE check_name = 'quality' AND metric = 'missing_share' "
    f"AND {_ONE} AND {_WHOLE} AND {_IN} GROUP BY 1, 2 ORDER BY 1",
}
_NOW = {
    "fleet overview": "SELECT * FROM monitor_status ORDER BY state_rank, since",
    "one monitor's state": f"SELECT * FROM monitor_status WHERE {_ONE}",
    "recent windows": "SELECT * FROM recent_windows ORDER BY monitor, place",
    "recent windows that failed": "SELECT monitor, count(*) FILTER (WHERE status = 'failed') "
    "FROM recent_windows WHERE place <= 7 GROUP BY monitor",
    "reference periods, all monitors": "SELECT monitor, first_window_start FROM reference_periods "
    "WHERE is_current",
    "reference periods": f"SELECT * FROM reference_periods WHERE {_ONE} ORDER BY 3",
    "newest window's drift": "SELECT column_drift.* FROM column_drift "
    "INNER JOIN latest_evaluations USING (monitor, window_start, window_end) "
    f"WHERE {_ONE} AND {_WHOLE} ORDER BY excess DESC",
    "newest window's measurements": f"SELECT * FROM latest_measurements WHERE {_ONE}",
    "newest label coverage, all monitors": "SELECT monitor, value FROM latest_measurements "
    "WHERE check_name = 'performance' AND metric = 'label_coverage' AND column_name = '' "
    "AND segment = ''",
    "label coverage of a week, all monitors": "SELECT monitor, min(label_coverage) "
    "FROM performance WHERE metric = 'label_coverage' AND segment = '' "
    "AND window_start > %(until)s - interval '7 days' GROUP BY monitor",
    "variable: monitors": "SELECT monitor FROM monitor_names ORDER BY 1",
    "variable: versions": f"SELECT DISTINCT model_version FROM evaluations WHERE {_ONE}",
    "variable: features": "SELECT DISTINCT column_name FROM latest_measurements "
    f"WHERE {_ONE} AND check_name = 'drift' AND column_name <> '' ORDER BY 1",
    "variable: segments": f"SELECT DISTINCT segment FROM latest_measurements WHERE {_ONE}",
    "runs by status": "SELECT * FROM run_status_counts",
}


def questions() -> Iterator[Question]:
    """Yield every question for every range that it is asked of."""
    for name, days in RANGES.items():
        for what, sql in _EACH_RANGE.items():
            yield Question(f"{what}, {name}", sql, days)
        for what, sql in (_EVERY_WEEK if days > 90 else _EVERY_DAY).items():
            yield Question(f"{what}, {name}", sql, days)
    for what, sql in _NOW.items():
        yield Question(what, sql)
