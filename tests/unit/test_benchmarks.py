"""The benchmark runs at tiny sizes, computes the same as evaluate, and says what it measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monitoring_jobs.drift_methods import METHODS
from monitoring_jobs.evaluate import evaluate
from monitoring_jobs.monitor_files import load_monitor
from monitoring_jobs.results import Evaluation
from monitoring_jobs.settings import Settings
from tests.benchmarks import data, document, engine, floor
from tests.benchmarks.demands import judge
from tests.benchmarks.engine import Engine
from tests.benchmarks.methods import Methods
from tests.benchmarks.peers.tools import PEERS, too_large
from tests.benchmarks.processes import Command, Cost, ProcessFailed, run
from tests.benchmarks.results import Results
from tests.benchmarks.table import section_table
from tests.benchmarks.trials import Row, Trial, run_trials
from tests.fixtures.evaluations import DAY

COLUMNS = 6


def row(what: str, seconds: float, *, megabytes: float = 100, **key: int) -> Row:
    size = {"rows": 1_000_000, "columns": 30, **key}
    return Row(what=what, costs=[Cost(seconds, seconds, megabytes)], **size)


def results(*rows: Row) -> Results:
    found = Results()
    found.add("engine", rows)
    return found


def evaluated(folder: Path) -> Evaluation:
    return evaluate(
        load_monitor(folder / "monitor.yaml"),
        DAY,
        Settings(cache_dir=folder / "cache"),
        out=folder / "out",
        report=False,
    )


@pytest.mark.parametrize(
    ("method", "kinds"),
    [
        ("ks", ["numerical"]),
        ("wasserstein", ["numerical"]),
        ("jensenshannon", ["numerical", "categorical"]),
        ("psi", ["numerical", "categorical"]),
    ],
)
def test_the_floor_computes_what_evaluate_does(
    tmp_path: Path, method: str, kinds: list[str]
) -> None:
    from scipy.stats import kstwo

    # More than 10,000 rows: up to there the p-value of ks is not told by the statistic alone.
    data.write(tmp_path, 11_000, COLUMNS)
    data.write_monitor(
        tmp_path / "monitor.yaml",
        {"source": "parquet", "path": "log.parquet", "timestamp": "ts"},
        COLUMNS,
        checks={"drift": {kind: {"method": method} for kind in kinds}},
    )
    expected = floor.compare(tmp_path, COLUMNS, threads=2)
    evaluation = evaluated(tmp_path)
    scores = {m.column: m.value for m in evaluation.measurements if m.metric == method}
    assert len(scores) >= 4
    for column, score in scores.items():
        wanted = expected[column][method]
        if method == "ks":
            n, m = (11_000 - expected[column][side]["missing"] for side in ("reference", "current"))
            wanted = kstwo.sf(wanted, round(n * m / (n + m)))
        assert score == pytest.approx(wanted, abs=1e-9)


def test_quantiles_and_counts_of_the_floor_are_those_of_evaluate(tmp_path: Path) -> None:
    data.write(tmp_path, 2_000, COLUMNS)
    expected = floor.compare(tmp_path, COLUMNS, threads=1)
    evaluation = evaluated(tmp_path)
    found = {(m.column, m.metric): m.value for m in evaluation.measurements if not m.segment}
    for column in ("number_0", "number_3"):
        current = expected[column]["current"]
        for name, metric in (("mean", "mean"), ("std", "std"), ("minimum", "min")):
            assert found[column, metric] == pytest.approx(current[name], abs=1e-9)
        assert found[column, "missing_count"] == current["missing"]
        assert found[column, "q50"] == pytest.approx(current["quantiles"][2], abs=1e-9)
    assert found["category_0", "distinct"] == expected["category_0"]["current"]["distinct"]


def test_data_are_the_same_every_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        data.write(tmp_path / name, data.ROW_GROUP + 10, 3)
    one, two = ((tmp_path / name / "log.parquet").read_bytes() for name in ("one", "two"))
    assert one == two


def test_processes_of_ours_and_the_floor_are_measured_and_kept(tmp_path: Path) -> None:
    measured = Engine(bench=tmp_path, sizes=[(500, COLUMNS)], rounds=1, variants=False)
    announced: list[str] = []
    rows = measured.measure(lambda trial, _: announced.append(trial.what))
    assert [own.what for own in rows] == announced
    assert {engine.COLD, engine.CACHED, engine.FLOOR} == set(announced)
    assert all(own.seconds > 0 and own.megabytes > 10 for own in rows), rows

    kept = results(*rows)
    kept.save(tmp_path / "results.json")
    assert json.loads((tmp_path / "results.json").read_text())["engine"]["machine"]
    again = Results.load(tmp_path / "results.json")
    table = section_table("engine", again.sections["engine"])
    assert table.to_markdown().count("\n") == len(rows) + 1
    assert table.to_rich().row_count == len(rows)
    assert not list((tmp_path / "data").iterdir())


def test_every_drift_method_is_measured_on_columns_that_it_takes() -> None:
    rows = Methods(rows=1_000, rounds=2).measure(lambda *_: None)
    assert {own.what.split(",")[0] for own in rows if not own.what.startswith("a ")} == set(METHODS)
    assert all(len(own.costs) == 2 and own.seconds > 0 for own in rows)


def test_a_split_evaluation_is_measured_with_its_join(tmp_path: Path) -> None:
    data.write(tmp_path, 500, COLUMNS)
    trial = engine.Ours(tmp_path, 500, COLUMNS).split()
    assert [len(stage) for stage in trial.stages] == [2, 1]
    assert trial.measure().seconds > 0


def test_a_process_that_fails_is_told_and_the_others_go_on() -> None:
    broken, fine = Command(["-c", "raise SystemExit('no such thing')"]), Command(["-c", "pass"])
    with pytest.raises(ProcessFailed, match="no such thing"):
        run(broken)
    rows = run_trials(
        [Trial(what=name, stages=[[own]]) for name, own in (("broken", broken), ("fine", fine))],
        2,
        lambda *_: None,
    )
    assert [len(own.costs) for own in rows] == [0, 2]
    assert "no such thing" in rows[0].failures[0]


def test_stages_follow_each_other_and_processes_of_a_stage_run_at_once() -> None:
    nap = Command(["-c", "import time; time.sleep(0.5)"])
    together = Trial(what="together", stages=[[nap, nap]]).measure()
    one_by_one = Trial(what="one by one", stages=[[nap], [nap]]).measure()
    assert one_by_one.seconds >= 1.0
    assert together.seconds >= 0.5
    assert together.megabytes == pytest.approx(one_by_one.megabytes, rel=0.5)


def test_demands_hold_or_are_missed_or_were_not_measured() -> None:
    evidently, nannyml, _ = PEERS
    verdicts = judge(
        results(
            row(engine.COLD, 2.0, threads=2, megabytes=300),
            row(engine.FLOOR, 1.0, threads=2),
            row(evidently.name, 130),
            row(nannyml.name, 15),
        )
    )
    found = {verdict.demand.partition(": ")[2]: verdict for verdict in verdicts[:5]}
    words = [verdict.word for verdict in verdicts[:5]]
    assert words == ["holds", "missed", "not measured", "missed", "holds"]
    assert found[f"faster than {evidently.name}"].measured == "65.0x"
    assert {verdict.holds for verdict in verdicts[5:]} == {None}


def test_a_peer_is_left_out_where_smaller_sizes_say_that_it_takes_too_long() -> None:
    peer = PEERS[0]
    known = [row(peer.name, 5, rows=1_000), row(peer.name, 20, rows=100_000)]
    assert too_large(peer, 1_000_000, 30, known) == ""
    assert "25 minutes" in too_large(peer, 10_000_000, 30, known)
    assert "no smaller size" in too_large(peer, 10_000_000, 30, [])
    assert too_large(peer, 100_000, 300, [row(peer.name, 500, rows=10_000, columns=300)]) == ""


def test_the_page_shows_what_the_file_of_results_holds() -> None:
    page = document.PAGE.read_text(encoding="utf-8")
    assert document.filled(page, Results.load(document.RESULTS)) == page, (
        "run: python -m tests.benchmarks.document"
    )
