"""Write an evaluation's measurements: ``publish_rows HOW COUNT``; settings in the environment.

``publish`` writes a new window by our sink, ``republish`` replaces one. ``copy``, ``replace`` and
``copy_text`` do the least that could put the same rows into the same table: COPY of a csv made from
tuples, DELETE and that, and COPY of a csv that is ready beforehand. ``push`` and ``bare_push`` send
as many series to the Pushgateway, by our sink's transport and by the client library's own.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from monitoring_jobs.results import Evaluation, Measurement, ModelRef, RowCounts, Status
from monitoring_jobs.windows import Window
from tests.benchmarks.layout import START
from tests.benchmarks.processes import tell

_QUALITY = ("missing_share", "distinct", "min", "max", "mean", "std", "q05", "q50", "q95")
# Of a column's ten measurements four become series.
_SERIES_OF_TEN = 4
_COPY = (
    "COPY measurement (monitor, window_start, window_end, check_name, metric, column_name, segment,"
    " value, threshold, status, detail) FROM STDIN"
    " (FORMAT csv, FORCE_NOT_NULL (column_name, segment))"
)
_DELETE = "DELETE FROM measurement WHERE monitor = %s AND window_start = %s AND window_end = %s"


def evaluation(count: int) -> Evaluation:
    """Return an evaluation of so many measurements, a tenth of them drift."""
    return Evaluation(
        monitor=f"bench_{time.time_ns()}",
        model=ModelRef(name="bench", version="1", alias=None),
        window=Window(START, START + timedelta(days=1)),
        status=Status.OK,
        rows=RowCounts(current=1_000_000, reference=1_000_000),
        reference_id="0" * 32,
        spec_hash="0" * 32,
        code_version="0",
        attempt="0" * 32,
        computed_at=START + timedelta(days=1),
        measurements=tuple(_measurement(number) for number in range(count)),
        owner="",
        sinks=("postgres",),
    )


def _measurement(number: int) -> Measurement:
    column, position = f"column_{number // 10}", number % 10
    if position < len(_QUALITY):
        return Measurement(
            check="quality",
            metric=_QUALITY[position],
            column=column,
            value=number / 7,
            status=Status.OK,
        )
    return Measurement(
        check="drift",
        metric="wasserstein",
        column=column,
        value=number / 1e7,
        threshold=0.1,
        status=Status.OK,
        detail={
            "method": "wasserstein",
            "n_current": 980_000,
            "n_reference": 981_000,
            "drifted": False,
        },
    )


# --- Postgres -------------------------------------------------------------------------------------
def our_sink(found: Evaluation, *, twice: bool) -> Callable[[], None]:
    from monitoring_jobs.settings import Settings
    from monitoring_jobs.sinks.postgres import PostgresSink

    sink = PostgresSink(Settings.load().require_database_url())
    if not twice:
        return lambda: sink.write(found)
    sink.write(found)
    again = replace(found, attempt="1" * 32, computed_at=found.computed_at + timedelta(hours=1))
    return lambda: sink.write(again)


def bare_copy(found: Evaluation, *, ready: bool = False, twice: bool = False) -> Callable[[], None]:
    import psycopg2

    url = os.environ["MONITORING_DATABASE_URL"].replace("+psycopg2", "", 1)
    window = found.window
    rows = [
        (
            *(found.monitor, window.start, window.end),
            *(own.check, own.metric, own.column, own.segment, own.value, own.threshold),
            *(str(own.status), own.detail),
        )
        for own in found.measurements
    ]
    text = _csv(rows) if ready else None

    def write(*, delete: bool) -> None:
        with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            cursor.execute("SET search_path = monitoring")
            if delete:
                cursor.execute(_DELETE, (found.monitor, window.start, window.end))
            cursor.copy_expert(_COPY, io.StringIO(text if text is not None else _csv(rows)))
            connection.commit()

    if twice:
        write(delete=False)
    return lambda: write(delete=twice)


def _csv(rows: Sequence[tuple[object, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows((*row[:-1], json.dumps(row[-1])) for row in rows)
    return text.getvalue()


# --- the Pushgateway ------------------------------------------------------------------------------
def push(count: int, *, bare: bool) -> Callable[[], None]:
    from monitoring_jobs.settings import Settings
    from monitoring_jobs.sinks.pushgateway import evaluation_registry, push_registry

    settings = Settings.load()
    assert settings.pushgateway_url is not None
    url = settings.pushgateway_url.get_secret_value()
    found = evaluation(count * 10 // _SERIES_OF_TEN)
    if bare:
        from prometheus_client import push_to_gateway

        registry = evaluation_registry(found, datetime.now(UTC), max_series=10**9)
        return lambda: push_to_gateway(url, "bench", registry, {"monitor": found.monitor})

    def write() -> None:
        registry = evaluation_registry(found, datetime.now(UTC), max_series=10**9)
        push_registry(registry, url=url, job="bench", grouping_key={"monitor": found.monitor})

    return write


def job(how: str, count: int) -> Callable[[], None]:
    """Return what is measured, everything else being done."""
    if how in ("push", "bare_push"):
        return push(count, bare=how == "bare_push")
    found = evaluation(count)
    if how in ("publish", "republish"):
        return our_sink(found, twice=how == "republish")
    return bare_copy(found, ready=how == "copy_text", twice=how == "replace")


def main() -> None:
    measured = job(sys.argv[1], int(sys.argv[2]))
    began = time.perf_counter()
    measured()
    tell(time.perf_counter() - began)


if __name__ == "__main__":
    main()
