"""Read a window from Postgres into columns: ``read_window HOW ROWS COLUMNS``."""

from __future__ import annotations

import os
import sys
import time
from datetime import timedelta
from pathlib import Path

from tests.benchmarks.layout import START, names
from tests.benchmarks.processes import tell

_QUERY = "SELECT * FROM log WHERE ts >= :start AND ts < :end"


def fill(url: str, rows: int, columns: int) -> None:
    """Write the table, with an index on its timestamps, and let Postgres look at it."""
    import io

    import psycopg2
    from pyarrow import csv

    from tests.benchmarks.data import batches

    numerical, categorical = names(columns)
    types = {"ts": "timestamptz", "segment": "text"}
    types |= dict.fromkeys(numerical, "double precision") | dict.fromkeys(categorical, "text")
    connection = psycopg2.connect(url.replace("+psycopg2", "", 1))
    try:
        with connection, connection.cursor() as cursor:
            for number, batch in enumerate(batches(1, START, rows, columns)):
                if not number:
                    listed = ", ".join(f"{name} {types[name]}" for name in batch.column_names)
                    cursor.execute(f"CREATE TABLE log ({listed})")
                text = io.BytesIO()
                csv.write_csv(batch, text, csv.WriteOptions(include_header=False))
                text.seek(0)
                cursor.copy_expert("COPY log FROM STDIN (FORMAT csv)", text)
            cursor.execute("CREATE INDEX log_ts ON log (ts)")
            cursor.execute("ANALYZE log")
    finally:
        connection.close()


def read_by_pandas(url: str) -> int:
    """Read the window as most people would."""
    import pandas as pd
    import sqlalchemy

    engine = sqlalchemy.create_engine(url)
    window = {"start": START, "end": START + timedelta(days=1)}
    return len(pd.read_sql(sqlalchemy.text(_QUERY), engine, params=window))


def read_by_ours(columns: int) -> int:
    """Read every column of the window, as evaluate does, and hold one at a time."""
    from monitoring_jobs.data.dataset import ColumnKind
    from monitoring_jobs.data.sources import open_dataset
    from monitoring_jobs.settings import Settings
    from monitoring_jobs.spec import SqlSource
    from monitoring_jobs.windows import Window

    source = SqlSource(source="sql", connection="bench", query=_QUERY, timestamp="ts")
    window = Window(START, START + timedelta(days=1))
    numerical, categorical = names(columns)
    with open_dataset(source, window, folder=Path(), settings=Settings.load()) as dataset:
        for name in numerical:
            dataset.read(name, ColumnKind.NUMERICAL)
        for name in categorical:
            dataset.read(name, ColumnKind.CATEGORICAL)
        return dataset.rows


def main() -> None:
    how, url = sys.argv[1], os.environ["MONITORING_CONNECTION_BENCH"]
    rows, columns = int(sys.argv[2]), int(sys.argv[3])
    if how == "copy":
        sys.modules["adbc_driver_postgresql"] = None  # type: ignore[assignment] # as if not installed
    if how == "fill":
        fill(url, rows, columns)
        return
    began = time.perf_counter()
    found = read_by_pandas(url) if how == "pandas" else read_by_ours(columns)
    if found != rows:
        raise SystemExit(f"{how} read {found} of {rows} rows")
    tell(time.perf_counter() - began)


if __name__ == "__main__":
    main()
