from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitoring_jobs.data.timestamps import Clock, select, split
from monitoring_jobs.errors import UnreadableDataset
from monitoring_jobs.windows import Window

DAY = Window(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))
CHANGE = datetime(2026, 10, 25, 1, tzinfo=UTC)  # Berlin: 03:00 becomes 02:00
ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"]

instants = st.datetimes(
    datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)
)  # both changes of the clocks of a year
microseconds = st.integers(0, 10**6 - 1)


def writers() -> dict[str, Any]:
    """Ways to write the same instants: name -> (array of datetimes, zone name) -> array, clock."""

    def local(values: list[datetime], zone: str) -> list[datetime]:
        return [v.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for v in values]

    def seconds(values: list[datetime]) -> list[float]:
        return [v.timestamp() for v in values]

    return {
        **{
            f"aware_{unit}": lambda v, z, unit=unit: (
                pa.array(v, pa.timestamp("us", "UTC")).cast(pa.timestamp(unit, z), safe=False),
                Clock("ts"),
            )
            for unit in ("s", "ms", "us", "ns")
        },
        "naive": lambda v, z: (pa.array(local(v, z), pa.timestamp("us")), Clock("ts", z)),
        "naive_ns": lambda v, z: (pa.array(local(v, z), pa.timestamp("ns")), Clock("ts", z)),
        "date32": lambda v, z: (pa.array([d.date() for d in local(v, z)]), Clock("ts", z)),
        "date64": lambda v, z: (
            pa.array([d.date() for d in local(v, z)], pa.date64()),
            Clock("ts", z),
        ),
        "seconds": lambda v, z: (
            pa.array([int(s) for s in seconds(v)], pa.int64()),
            Clock("ts", unit="s"),
        ),
        "float_seconds": lambda v, z: (pa.array(seconds(v), pa.float64()), Clock("ts", unit="s")),
        "milliseconds": lambda v, z: (
            pa.array([int(s * 1000) for s in seconds(v)], pa.int64()),
            Clock("ts", unit="ms"),
        ),
        "unsigned": lambda v, z: (
            pa.array([int(s) for s in seconds(v)], pa.uint32()),
            Clock("ts", unit="s"),
        ),
        "text": lambda v, z: (
            pa.array([d.astimezone(ZoneInfo(z)).isoformat() for d in v], pa.string()),
            Clock("ts"),
        ),
        "naive_text": lambda v, z: (
            pa.array([d.isoformat(sep=" ") for d in local(v, z)], pa.large_string()),
            Clock("ts", z),
        ),
    }


@pytest.mark.parametrize("form", writers())
@given(
    values=st.lists(instants, min_size=1, max_size=20),
    cuts=st.lists(instants, min_size=2, max_size=6, unique=True),
    zone=st.sampled_from(ZONES),
)
@example(
    values=[CHANGE + timedelta(minutes=m) for m in range(-90, 91, 10)],
    cuts=[CHANGE - timedelta(hours=1), CHANGE, CHANGE + timedelta(minutes=30)],
    zone="Europe/Berlin",
)
def test_f25_adjacent_windows_partition_the_rows(
    form: str, values: list[datetime], cuts: list[datetime], zone: str
) -> None:
    array, clock = writers()[form](values, zone)
    cuts = sorted(cuts)
    numbered = pa.array(range(len(array)))
    seen: list[int] = []
    for start, end in pairwise(cuts):
        found = split(array, clock, Window(start, end))
        inside = select(numbered, found.selection).to_pylist()
        assert len(inside) == found.rows
        assert found.before + found.rows + found.after == len(array)
        seen += inside
    whole = split(array, clock, Window(cuts[0], cuts[-1]))
    assert sorted(seen) == select(numbered, whole.selection).to_pylist()


@pytest.mark.parametrize("form", [w for w in writers() if not w.startswith(("date", "naive"))])
@given(offset=st.integers(-3, 3))
def test_f25_a_row_at_the_end_belongs_to_the_next_window(form: str, offset: int) -> None:
    moment = DAY.end + timedelta(seconds=offset)
    array, clock = writers()[form]([moment], "Europe/Berlin")
    found = split(array, clock, DAY)
    assert (found.rows, found.after) == ((1, 0) if offset < 0 else (0, 1))


@given(values=st.lists(instants, max_size=20), start=instants)
def test_rows_are_chosen_as_the_window_itself_would(
    values: list[datetime], start: datetime
) -> None:
    window = Window(start, start + timedelta(days=20))
    for form in ("aware_us", "aware_ns", "float_seconds", "text"):
        array, clock = writers()[form](values, "UTC")
        chosen = select(
            pa.array(values, pa.timestamp("us", "UTC")), split(array, clock, window).selection
        )
        assert chosen.to_pylist() == [v for v in values if v in window]


@pytest.mark.parametrize(
    "array",
    [
        pa.array([datetime(2026, 11, 20, 12)]),
        pa.array([date(2026, 11, 20)]),
        pa.array(["2026-11-20T12:00:00"]),
    ],
)
def test_f19_naive_timestamps_need_a_time_zone(array: pa.Array) -> None:
    with pytest.raises(UnreadableDataset, match="'ts' has no time zone; say 'timezone"):
        split(array, Clock("ts"), DAY)
    assert split(array, Clock("ts", "Europe/Berlin"), DAY).rows == (array.type != pa.date32())


def test_f19_a_date_is_midnight_in_its_zone() -> None:
    berlin = Window(datetime(2026, 11, 19, 23, tzinfo=UTC), datetime(2026, 11, 20, 23, tzinfo=UTC))
    days = pa.array([date(2026, 11, 19), date(2026, 11, 20), date(2026, 11, 21)])
    found = split(days, Clock("ts", "Europe/Berlin"), berlin)
    assert found.selection == slice(1, 2)


def test_f20_the_repeated_hour_is_read_once_as_its_first_pass() -> None:
    wall = pa.array([datetime(2026, 10, 25, 2, 30)])
    clock = Clock("ts", "Europe/Berlin")
    first = Window(CHANGE - timedelta(hours=1), CHANGE)
    second = Window(CHANGE, CHANGE + timedelta(hours=1))
    assert split(wall, clock, first).rows == 1
    assert split(wall, clock, second).rows == 0


def test_numbers_need_a_unit() -> None:
    with pytest.raises(UnreadableDataset, match="say 'unit: s' or 'unit: ms'"):
        split(pa.array([1_795_132_800]), Clock("ts"), DAY)


@pytest.mark.parametrize("array", [pa.array(["noon"]), pa.array([True]), pa.array([[1]])])
def test_what_is_no_time_is_refused_without_showing_it(array: pa.Array) -> None:
    with pytest.raises(UnreadableDataset, match="timestamp column 'ts'") as caught:
        split(array, Clock("ts"), DAY)
    assert "noon" not in str(caught.value)


def test_f24_rows_outside_the_window_and_without_time_are_counted() -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    times = [noon - timedelta(days=3), None, noon, noon + timedelta(days=9), noon]
    found = split(pa.array(times, pa.timestamp("us", "UTC")), Clock("ts"), DAY)
    assert (found.before, found.rows, found.after, found.no_timestamp) == (1, 2, 1, 1)
    floats = pa.array([np.nan, noon.timestamp()], from_pandas=False)
    found = split(floats, Clock("ts", unit="s"), DAY)
    assert (found.rows, found.no_timestamp) == (1, 1)


def test_a_column_of_nulls_places_no_row() -> None:
    assert split(pa.nulls(4), Clock("ts"), DAY).no_timestamp == 4


def test_empty_text_is_no_time() -> None:
    found = split(pa.array(["", "2026-11-20T00:00:00Z"]), Clock("ts"), DAY)
    assert (found.rows, found.no_timestamp) == (1, 1)
