from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_jobs.data.spool import Spool


def row_groups(folder: Path, *, columns: int, rows: int, pieces: int) -> list[int]:
    """Spool pieces of so many columns and rows; return the rows of each row group."""
    values = pa.array(np.random.default_rng(1).random(rows))
    piece = pa.table({f"x{number}": values for number in range(columns)})
    with Spool(folder, "source", None, None) as spool:
        for _ in range(pieces):
            spool.write(piece)
    assert len(spool.files) == 1
    footer = pq.ParquetFile(spool.files[0].path).metadata
    return [footer.row_group(group).num_rows for group in range(footer.num_row_groups)]


@pytest.mark.parametrize(
    ("columns", "rows", "pieces", "expected"),
    [
        (2, 1000, 7, [7000]),
        (31, 20_000, 15, [140_000, 140_000, 20_000]),
        (150, 2000, 40, [34_000, 34_000, 12_000]),
        (3000, 1000, 6, [3000, 3000]),
    ],
    ids=["few", "narrow: 32 MB", "wide: 32,768 rows", "very wide: 64 MB"],
)
def test_row_groups_are_bounded_in_bytes_and_not_too_many(
    tmp_path: Path, columns: int, rows: int, pieces: int, expected: list[int]
) -> None:
    assert row_groups(tmp_path, columns=columns, rows=rows, pieces=pieces) == expected


def test_what_is_spooled_is_read_back_as_it_was(tmp_path: Path) -> None:
    pieces = [
        pa.table({"c": ["a", None, "ä"], "x": [0.5, None, float("inf")]}),
        pa.table({"c": ["a", "", "b"], "x": [1.0, 2.0, 3.0]}),
    ]
    with Spool(tmp_path, "source", None, None) as spool:
        for piece in pieces:
            spool.write(piece)
    assert pq.read_table(spool.files[0].path).equals(pa.concat_tables(pieces))
