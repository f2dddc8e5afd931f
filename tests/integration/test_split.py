"""Evaluations by several workers: equal to the unsplit one, whatever is retried or run at once."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from monitoring_jobs import Evaluation, Settings, Window, evaluate, evaluate_part
from monitoring_jobs.errors import ReferenceMissing, StaleAttempt, StoreRefused
from monitoring_jobs.maintain import ORPHAN_AGE, maintain
from monitoring_jobs.monitor_files import load_monitor
from monitoring_jobs.parts import ColumnGroup, Part
from monitoring_jobs.reports.places import open_files
from monitoring_jobs.reports.store import ReportStore
from tests.fixtures.monitors import DAY, MonitorFactory, sample, write_monitor_file
from tests.fixtures.object_storage import Bucket

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

NEXT_DAY = Window(DAY.end, DAY.end + timedelta(days=1))
LABELS = {
    "numerical": ["alcohol", "malic_acid"],
    "categorical": ["region"],
    "prediction": "prediction",
    "target": "label",
    "id": "request_id",
}
# What an attempt does not share with another attempt at the same window.
OWN = re.compile(rb'"(attempt|computed_at|duration_seconds|peak_memory_bytes)": [^\n]*')
REPORT = re.compile(rb"report-[0-9a-f]{32}\.html")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(
        report_store=str(tmp_path / "store"), cache_dir=tmp_path / "cache", mlflow_tracking_uri=None
    )


def keep(path: Path, settings: Settings, *numbers: int, of: int, window: Window = DAY) -> Part:
    """Keep some parts of a window, all where none are named; return the last."""
    spec = load_monitor(path)
    for number in numbers or range(1, of + 1):
        part = evaluate_part(spec, window, settings, ColumnGroup(number, of))
    return part


def join(path: Path, settings: Settings, of: int, window: Window = DAY, **how: Any) -> Evaluation:
    return evaluate(load_monitor(path), window, settings, join=of, **{"report": False, **how})


def whole(path: Path, settings: Settings, window: Window = DAY, **how: Any) -> Evaluation:
    return evaluate(load_monitor(path), window, settings, **{"report": False, **how})


def stored(settings: Settings, monitor: str = "wine_quality", window: Window = DAY) -> bytes:
    """Return evaluation.json without what belongs to the attempt alone."""
    folder = ReportStore.open(settings.report_store).location(monitor, window)
    content = open_files(folder).read("evaluation.json")
    assert content is not None
    assert len(OWN.findall(content)) == 4
    return REPORT.sub(b"report.html", OWN.sub(rb'"\1"', content))


def names(settings: Settings) -> list[str]:
    """Return the files of the store, without their folders."""
    return [name.rpartition("/")[2] for name in open_files(settings.report_store).find("")]


# --- equal to the unsplit one ---------------------------------------------------------------------
def holed_and_wild(folder: Path, make: MonitorFactory) -> Path:
    """Columns without values, of another type, missing, infinite, and of names that hurt."""
    table = sample(400, seed=1).drop(["malic_acid"])
    ugly = 'a"b/c\\d\n\N{SNOWMAN} % {}'
    extra = {
        "empty": pa.nulls(400, pa.float64()),
        "infinite": pa.array(np.where(np.arange(400) % 7, 1.0, np.inf)),
        "huge": pa.array(np.where(np.arange(400) % 2, 1.7e308, -1.7e308)),
        "changed": pa.array([str(n) for n in range(400)]),
        ugly: pa.array(np.arange(400) % 11),
    }
    old = {
        "empty": pa.array(np.arange(1200.0)),
        "infinite": pa.array(np.arange(1200.0)),
        "huge": pa.array(np.arange(1200.0)),
        "changed": pa.array(np.arange(1200.0)),
        ugly: pa.array(np.arange(1200) % 9),
    }
    reference = sample(1200, seed=2)
    for name in extra:
        table, reference = (
            side.append_column(name, columns[name])
            for side, columns in ((table, extra), (reference, old))
        )
    numerical = ["alcohol", "malic_acid", "empty", "infinite", "huge", "changed", ugly]
    return make(current=table, reference=reference, columns={"numerical": numerical})


def integer_thresholds(folder: Path, make: MonitorFactory) -> Path:
    limits = {"missing_share": 1, "outlier_share": 0, "new_category_share": 1}
    drift = {"numerical": {"method": "ks", "threshold": 1}, "share": 1}
    return make(
        checks={"quality": limits, "drift": drift, "performance": {"accuracy": {"min": 1}}},
        task="classification",
        columns=LABELS,
    )


def many_row_groups(folder: Path, make: MonitorFactory) -> Path:
    log = folder / "monitors/data/wine_quality/log"
    for day in (19, 20, 21):
        for region in ("north", "south"):
            part = log / f"date=2026-11-{day}/region={region}"
            part.mkdir(parents=True)
            table = sample(600, seed=day, start=datetime(2026, 11, day, tzinfo=UTC))
            pq.write_table(table.drop(["region"]), part / "a.parquet", row_group_size=50)
    return make(
        segments=["region"],
        data={"source": "parquet", "path": "data/wine_quality/log/", "timestamp": "ts"},
    )


def csv(folder: Path, make: MonitorFactory) -> Path:
    path = make(
        task="classification",
        columns=LABELS,
        segments=["region"],
        data={"source": "csv", "path": "data/wine_quality/log.csv", "timestamp": "ts"},
    )
    table = sample(900, seed=1, start=DAY.start - timedelta(days=1), days=3)
    pa.csv.write_csv(table, path.parent / "data/wine_quality/log.csv")
    return path


def sql(folder: Path, make: MonitorFactory) -> Path:
    path = make(
        data={
            "source": "sql",
            "connection": "warehouse",
            "table": "log",
            "timestamp": "ts",
            "timezone": "UTC",
        },
    )
    with sqlite3.connect(folder / "warehouse.db") as database:
        database.execute("CREATE TABLE log (ts, request_id, alcohol, malic_acid, region)")
        rows = sample(400, seed=1).drop(["prediction", "label"]).to_pylist()
        database.executemany(
            "INSERT INTO log VALUES (?, ?, ?, ?, ?)",
            [(f"{row.pop('ts'):%Y-%m-%d %H:%M:%S}", *row.values()) for row in rows],
        )
    database.close()
    return path


MONITORS: dict[str, Callable[[Path, MonitorFactory], Path]] = {
    "plain": lambda _, make: make(),
    "segments": lambda _, make: make(segments=["region"]),
    "performance": lambda _, make: make(
        task="classification",
        columns=LABELS,
        segments=["region"],
        checks={"performance": {"accuracy": {"min": 0.99}}},
    ),
    "columns_of_the_reference": lambda _, make: make(columns=None),
    "drifted": lambda _, make: make(current=sample(400, seed=1, shift=3.0)),
    "few_rows": lambda _, make: make(current=sample(20, seed=1)),
    "checks_off": lambda _, make: make(checks={"quality": False, "schema": False}),
    "trailing": lambda _, make: make(
        current=sample(2800, seed=4, start=DAY.start - timedelta(days=6), days=7),
        reference={"source": "trailing", "windows": 3},
    ),
    "holed_and_wild": holed_and_wild,
    "integer_thresholds": integer_thresholds,
    "many_row_groups": many_row_groups,
    "csv": csv,
    "sql": sql,
}


@pytest.fixture
def monitor(request: pytest.FixtureRequest, tmp_path: Path, make_monitor: MonitorFactory) -> Path:
    return MONITORS[request.param](tmp_path, make_monitor)


@pytest.mark.parametrize("monitor", MONITORS, indirect=True)
@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_the_joined_evaluation_is_the_unsplit_one_byte_for_byte(
    monitor: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setenv("MONITORING_CONNECTION_WAREHOUSE", f"sqlite:///{tmp_path}/warehouse.db")
    settings = Settings.load(**settings.model_dump(exclude={"connections"}, exclude_none=True))
    whole(monitor, settings)
    unsplit = stored(settings)
    keep(monitor, settings, of=count)
    joined = join(monitor, settings, count)
    assert stored(settings) == unsplit
    assert ReportStore.open(settings.report_store).get("wine_quality", DAY) == joined
    assert names(settings) == ["evaluation.json"], "parts are gone when they have served"


def test_errors_and_wild_columns_are_really_met(
    tmp_path: Path, make_monitor: MonitorFactory, settings: Settings
) -> None:
    statuses = {
        str(m.status) for m in whole(holed_and_wild(tmp_path, make_monitor), settings).measurements
    }
    assert {"error", "failed", "insufficient_data"} <= statuses


@pytest.mark.parametrize("monitor", ["plain", "segments", "many_row_groups", "csv"], indirect=True)
def test_f01_a_window_without_rows_is_split_like_any_other(
    monitor: Path, settings: Settings
) -> None:
    later = Window(DAY.end + timedelta(days=7), DAY.end + timedelta(days=8))
    whole(monitor, settings, later)
    unsplit = stored(settings, window=later)
    keep(monitor, settings, of=2, window=later)
    assert join(monitor, settings, 2, later).rows.current == 0
    assert stored(settings, window=later) == unsplit


def test_split_in_the_file_changes_nothing_but_who_computes(
    make_monitor: MonitorFactory, settings: Settings
) -> None:
    whole(make_monitor(), settings)
    unsplit = stored(settings)
    path = make_monitor(split=4)
    whole(path, settings)
    assert stored(settings) == unsplit, "evaluated in one process"
    keep(path, settings, of=4)
    join(path, settings, 4)
    assert stored(settings) == unsplit


@given(count=st.integers(1, 64), order=st.randoms(use_true_random=False))
@examples(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_number_of_parts_in_any_order_gives_the_same(
    make_monitor: MonitorFactory, settings: Settings, count: int, order: Any
) -> None:
    path = make_monitor(segments=["region"], task="classification", columns=LABELS)
    whole(path, settings)
    unsplit = stored(settings)
    numbers = [*range(1, count + 1)]
    order.shuffle(numbers)
    keep(path, settings, *numbers, of=count)
    join(path, settings, count)
    assert stored(settings) == unsplit
    assert names(settings) == ["evaluation.json"]


def test_parts_and_data_may_lie_in_object_storage(
    s3_bucket: Bucket, tmp_path: Path, settings: Settings, make_monitor: MonitorFactory
) -> None:
    local = make_monitor()
    for name in ("log", "reference"):
        content = (local.parent / f"data/wine_quality/{name}.parquet").read_bytes()
        s3_bucket.put(f"data/{name}.parquet", content)
    path = make_monitor(
        data={"source": "parquet", "path": f"{s3_bucket.url}/data/log.parquet", "timestamp": "ts"},
        reference={"source": "parquet", "path": f"{s3_bucket.url}/data/reference.parquet"},
    )
    remote = settings.model_copy(update={"report_store": f"{s3_bucket.url}/store"})
    whole(path, remote)
    unsplit = stored(remote)
    keep(path, remote, of=3)
    assert len(names(remote)) == 4
    join(path, remote, 3)
    assert stored(remote) == unsplit
    assert names(remote) == ["evaluation.json"]
    keep(path, remote, of=3)
    again = pa.BufferOutputStream()
    pq.write_table(sample(400, seed=8), again)
    s3_bucket.put("data/log.parquet", again.getvalue().to_pybytes())
    with pytest.raises(StoreRefused, match="the window's data changed"):
        join(path, remote, 3)


def test_out_gets_the_joined_evaluation_and_the_store_keeps_nothing(
    make_monitor: MonitorFactory, settings: Settings, tmp_path: Path
) -> None:
    path = make_monitor()
    whole(path, settings, out=tmp_path / "whole")
    keep(path, settings, of=2)
    joined = join(path, settings, 2, out=tmp_path / "joined")
    whole_text, joined_text = (
        OWN.sub(b"", (tmp_path / name / "evaluation.json").read_bytes())
        for name in ("whole", "joined")
    )
    assert joined_text == whole_text
    assert names(settings) == []
    assert join(path, settings, 2, out=tmp_path / "joined") == joined, "it was joined already"


def test_the_join_renders_the_report(make_monitor: MonitorFactory, settings: Settings) -> None:
    path = make_monitor(report={"when": "always", "rows": 100})
    whole(path, settings, report=None)
    unsplit = stored(settings)
    keep(path, settings, of=2)
    joined = join(path, settings, 2, report=None)
    assert stored(settings) == unsplit
    html = ReportStore.open(settings.report_store).report_html("wine_quality", DAY)
    assert joined.report is not None
    assert html is not None


# --- refusals -------------------------------------------------------------------------------------
def rewrite(path: Path, table: pa.Table, name: str = "log") -> None:
    pq.write_table(table, path.parent / f"data/wine_quality/{name}.parquet")


def change_file(path: Path, **keys: Any) -> None:
    write_monitor_file(path.parent, path.stem, **keys)


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "the same rows written again": (
        lambda path: rewrite(path, sample(400, seed=9)),
        "part 1 of 2 was computed before the window's data changed",
    ),
    "late rows": (
        lambda path: rewrite(path, sample(500, seed=1)),
        "before the window's rows and the window's data changed",
    ),
    "another reference": (
        lambda path: rewrite(path, sample(1200, seed=9), "reference"),
        "before the reference changed",
    ),
    "another threshold": (
        lambda path: change_file(path, checks={"drift": {"share": 0.4}}),
        "before the monitor file changed",
    ),
    "another column": (
        lambda path: change_file(path, columns={"numerical": ["alcohol"]}),
        "before the monitor file and the judged columns changed",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("rerun", [0, 1])
def test_parts_of_something_else_are_never_mixed_in(
    make_monitor: MonitorFactory, settings: Settings, change: str, rerun: int
) -> None:
    path = make_monitor()
    keep(path, settings, of=2)
    happens, reason = CHANGES[change]
    happens(path)
    if rerun:  # one task is retried and sees what is new, the other is not
        keep(path, settings, 2, of=2)
    with pytest.raises(StoreRefused, match=reason) as refused:
        join(path, settings, 2)
    assert "run every part again, then join (in Airflow: clear evaluate_columns)" in str(
        refused.value
    )
    assert ReportStore.open(settings.report_store).monitors() == []
    keep(path, settings, of=2)
    join(path, settings, 2)
    joined = stored(settings)
    whole(path, settings)
    assert joined == stored(settings)


def test_sql_rows_that_changed_are_noticed_though_their_number_is_the_same(
    tmp_path: Path, make_monitor: MonitorFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONITORING_CONNECTION_WAREHOUSE", f"sqlite:///{tmp_path}/warehouse.db")
    settings = Settings.load(report_store=str(tmp_path / "store"), cache_dir=tmp_path / "cache")
    path = sql(tmp_path, make_monitor)
    keep(path, settings, of=2)
    with sqlite3.connect(tmp_path / "warehouse.db") as database:
        database.execute("UPDATE log SET alcohol = alcohol + 1 WHERE region = 'north'")
    database.close()
    with pytest.raises(StoreRefused, match="the window's data changed"):
        join(path, settings, 2)


def test_an_alias_that_moves_between_the_parts_is_noticed(
    make_monitor: MonitorFactory,
    settings: Settings,
    mlflow_uri: str,
    mlflow_client: MlflowClient,
    a_model: str,
) -> None:
    settings = settings.model_copy(update={"mlflow_tracking_uri": mlflow_uri})
    path = make_monitor(model={"name": a_model, "alias": "champion"})
    mlflow_client.set_registered_model_alias(a_model, "champion", "1")
    keep(path, settings, 1, of=2)
    mlflow_client.set_registered_model_alias(a_model, "champion", "2")
    keep(path, settings, 2, of=2)
    with pytest.raises(StoreRefused, match="part 1 of 2 was computed before the model's version"):
        join(path, settings, 2)
    keep(path, settings, 1, of=2)
    assert join(path, settings, 2).model.version == "2"


def test_files_of_other_windows_may_come_and_be_touched_all_day(
    make_monitor: MonitorFactory, settings: Settings
) -> None:
    path = make_monitor(
        data={"source": "parquet", "path": "data/wine_quality/log/", "timestamp": "ts"}
    )
    log = path.parent / "data/wine_quality/log"
    log.mkdir()
    pq.write_table(sample(400, seed=1), log / "20.parquet")
    pq.write_table(sample(10, seed=2, start=DAY.end), log / "21.parquet")
    keep(path, settings, of=2)
    pq.write_table(sample(50, seed=3, start=DAY.end), log / "21.parquet")
    pq.write_table(sample(50, seed=4, start=DAY.end + timedelta(hours=9)), log / "21b.parquet")
    join(path, settings, 2)
    joined = stored(settings)
    whole(path, settings)
    assert joined == stored(settings), "rows left out are counted as they are now"


@pytest.mark.parametrize(
    ("kept", "asked", "missing"),
    [((), 2, "missing: 1 of 2, 2 of 2, in "), ((1, 3), 3, "missing: 2 of 3, in ")],
)
def test_missing_parts_are_named(
    make_monitor: MonitorFactory,
    settings: Settings,
    kept: tuple[int, ...],
    asked: int,
    missing: str,
) -> None:
    path = make_monitor()
    if kept:
        keep(path, settings, *kept, of=asked)
    with pytest.raises(StoreRefused, match=missing):
        join(path, settings, asked)
    assert ReportStore.open(settings.report_store).windows("wine_quality") == []


def test_parts_of_another_number_of_parts_are_not_taken(
    make_monitor: MonitorFactory, settings: Settings
) -> None:
    path = make_monitor()
    keep(path, settings, of=3)
    with pytest.raises(StoreRefused, match="before the number of parts changed"):
        join(path, settings, 2)


@pytest.mark.parametrize(
    "damage",
    [
        lambda good, _: good[: len(good) // 2],
        lambda good, _: b"",
        lambda good, _: b"[]",
        lambda good, _: b'{"basis": 1}',
        lambda good, _: good.replace(b'"alcohol"', b'"al\xffcohol"'),
        lambda good, other: other,
    ],
    ids=["truncated", "empty", "a list", "another object", "not ASCII", "another part"],
)
def test_a_part_that_is_none_is_named_with_its_place(
    make_monitor: MonitorFactory, settings: Settings, damage: Callable[[bytes, bytes], bytes]
) -> None:
    path = make_monitor()
    keep(path, settings, of=2)
    first, second = sorted(Path(settings.report_store).rglob("part-*"))
    first.write_bytes(damage(first.read_bytes(), second.read_bytes()))
    with pytest.raises(StoreRefused, match=f"{first.name} is not part 1 of 2 of wine_quality"):
        join(path, settings, 2)
    keep(path, settings, 1, of=2)
    assert join(path, settings, 2).measurements == whole(path, settings).measurements


def test_f03_a_part_without_a_reference_fails_as_evaluate_does(
    make_monitor: MonitorFactory, settings: Settings
) -> None:
    path = make_monitor(reference=sample(0))
    with pytest.raises(ReferenceMissing, match="wine_quality"):
        keep(path, settings, 1, of=2)
    assert names(settings) == []


# --- retried, overtaken, run twice ----------------------------------------------------------------
def test_f26_a_part_that_is_written_twice_is_written_the_same(
    make_monitor: MonitorFactory, settings: Settings
) -> None:
    path = make_monitor(segments=["region"])
    keep(path, settings, 1, of=2)
    (part,) = Path(settings.report_store).rglob("part-*")
    before = part.read_bytes()
    keep(path, settings, 1, of=2)
    assert part.read_bytes() == before
    assert len(names(settings)) == 1


@pytest.mark.parametrize("left", [(), (1,), (2, 3)])
def test_f30_a_join_that_was_killed_while_it_removed_its_parts_is_done_when_retried(
    make_monitor: MonitorFactory, settings: Settings, left: tuple[int, ...]
) -> None:
    path = make_monitor()
    keep(path, settings, of=3)
    first = join(path, settings, 3)
    if left:
        keep(path, settings, *left, of=3)
    assert join(path, settings, 3) == first
    assert names(settings) == ["evaluation.json"]


def test_f26_a_run_that_is_cleared_as_a_whole_is_a_new_attempt(
    make_monitor: MonitorFactory, settings: Settings
) -> None:
    path = make_monitor()
    attempts = set()
    for _ in range(2):
        keep(path, settings, of=2)
        attempts.add(join(path, settings, 2).attempt)
    assert len(attempts) == 2


def test_a_join_cleared_after_the_data_changed_does_not_return_the_old_verdict(
    make_monitor: MonitorFactory, settings: Settings
) -> None:
    path = make_monitor()
    keep(path, settings, of=2)
    join(path, settings, 2)
    rewrite(path, sample(400, seed=5))
    with pytest.raises(StoreRefused, match="missing: 1 of 2, 2 of 2"):
        join(path, settings, 2)


def test_an_unsplit_evaluation_is_not_taken_for_a_joined_one(
    make_monitor: MonitorFactory, settings: Settings
) -> None:
    path = make_monitor()
    whole(path, settings)
    with pytest.raises(StoreRefused, match="missing"):
        join(path, settings, 2)


def test_f27_two_runs_at_once_share_their_parts(
    make_monitor: MonitorFactory, settings: Settings
) -> None:
    path = make_monitor()
    for _ in range(2):  # both runs' tasks, before either joins
        keep(path, settings, of=2)
    assert len(names(settings)) == 2
    faster = join(path, settings, 2)
    assert join(path, settings, 2) == faster


def test_f27_a_run_that_saw_the_old_data_joins_what_the_other_made_of_the_new(
    make_monitor: MonitorFactory, settings: Settings
) -> None:
    path = make_monitor()
    keep(path, settings, of=2)
    rewrite(path, sample(400, seed=6))
    keep(path, settings, of=2)
    join(path, settings, 2)
    joined = stored(settings)
    whole(path, settings)
    assert joined == stored(settings)


def test_f28_a_join_that_began_earlier_than_what_is_stored_is_stale(
    make_monitor: MonitorFactory, settings: Settings
) -> None:
    path = make_monitor()
    keep(path, settings, of=2)
    newer = whole(path, settings)
    with pytest.raises(StaleAttempt):
        join(path, settings, 2, now=newer.computed_at - timedelta(seconds=1))


# --- the store ------------------------------------------------------------------------------------
def test_parts_are_no_evaluations_and_are_swept_a_day_later(
    make_monitor: MonitorFactory, settings: Settings
) -> None:
    path = make_monitor()
    keep(path, settings, 1, of=2)
    store = ReportStore.open(settings.report_store)
    assert (store.monitors(), store.windows("wine_quality")) == ([], [])
    assert store.latest("wine_quality") is None
    with pytest.raises(StoreRefused, match="evaluate that window first"):
        store.get("wine_quality", DAY)
    now = datetime.now(UTC)
    assert maintain(settings, now=now).orphans_removed == 0
    assert maintain(settings, now=now + ORPHAN_AGE + timedelta(hours=1)).orphans_removed == 1
    assert [p for p in Path(settings.report_store).rglob("*") if p.name != ".lock"] == [
        Path(settings.report_store) / "wine_quality"
    ]


def test_sweeping_a_part_spares_the_evaluation_beside_it(
    make_monitor: MonitorFactory, settings: Settings
) -> None:
    path = make_monitor()
    whole(path, settings, report=True)
    kept = names(settings)
    keep(path, settings, 1, of=2)
    store = ReportStore.open(settings.report_store)
    assert store.windows("wine_quality") == [DAY]
    assert store.sweep_orphans(timedelta(0), datetime.now(UTC) + timedelta(days=1)) == 1
    assert names(settings) == kept


def test_deleting_a_window_takes_its_parts_with_it(
    make_monitor: MonitorFactory, settings: Settings
) -> None:
    path = make_monitor()
    whole(path, settings)
    keep(path, settings, of=2)
    ReportStore.open(settings.report_store).delete("wine_quality", DAY)
    assert names(settings) == []


def test_parts_of_two_windows_and_two_monitors_do_not_meet(
    make_monitor: MonitorFactory, settings: Settings
) -> None:
    table = sample(800, seed=1, days=2)
    one, two = make_monitor("one", current=table), make_monitor("two", current=table)
    for path in (one, two):
        for window in (DAY, NEXT_DAY):
            keep(path, settings, of=2, window=window)
    assert len(names(settings)) == 8
    join(one, settings, 2, NEXT_DAY)
    assert len(names(settings)) == 7
    for path, window in ((one, DAY), (two, DAY), (two, NEXT_DAY)):
        assert join(path, settings, 2, window).window == window
    assert names(settings) == ["evaluation.json"] * 4
