"""The report of a real evaluation: every number is a measurement, and nothing is imported idly."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from monitoring_jobs import Evaluation, Settings, evaluate
from monitoring_jobs.monitor_files import load_monitor
from tests.fixtures.chromium import dumped
from tests.fixtures.monitors import DAY, MonitorFactory, sample

ROOT = Path(__file__).parents[2]
LABELLED = {
    "numerical": ["alcohol", "malic_acid"],
    "categorical": ["region"],
    "prediction": "prediction",
    "target": "label",
}
DRAWN = 150


def walk(widgets: list[dict[str, Any]]) -> Any:
    for widget in widgets:
        yield widget
        yield from walk(widget["widgets"])


def widgets_of(html: str) -> list[dict[str, Any]]:
    [line] = [line for line in html.split("\n") if line.startswith("    var metric_page = ")]
    return list(walk(json.loads(line.partition(" = ")[2].rstrip(";"))["widgets"]))


def cards_of(widgets: list[dict[str, Any]]) -> dict[str, dict[str, list[str]]]:
    """Return the facts of both sides, by column and label."""
    return {
        widget["params"]["header"]: {
            fact["label"]: fact["values"] for fact in widget["params"]["metrics"]
        }
        for widget in widgets
        if widget["type"] == "rich_data"
    }


def judge(path: Path, tmp_path: Path, **keys: Any) -> tuple[Evaluation, str]:
    settings = Settings.load(cache_dir=tmp_path / "cache", mlflow_tracking_uri=None)
    out = tmp_path / "out"
    evaluation = evaluate(load_monitor(path), DAY, settings, out=out, report=True, **keys)
    return evaluation, (out / "report.html").read_text(encoding="utf-8")


@pytest.fixture
def judged(make_monitor: MonitorFactory, tmp_path: Path) -> tuple[Evaluation, list[dict[str, Any]]]:
    """A window of 400 rows with labels and holes, of which the report draws 150."""
    current = sample(400, seed=1, shift=0.3)
    holes = np.where(np.arange(400) % 9 == 0, None, current.column("malic_acid").to_pylist())
    place = current.column_names.index("malic_acid")
    current = current.set_column(place, "malic_acid", pa.array(holes.tolist(), pa.float64()))
    path = make_monitor(
        current=current,
        columns=LABELLED,
        task="classification",
        report={"when": "always", "rows": DRAWN},
    )
    evaluation, html = judge(path, tmp_path)
    return evaluation, widgets_of(html)


def values_of(evaluation: Evaluation, check: str, column: str = "") -> dict[str, float]:
    return {
        m.metric: m.value
        for m in evaluation.measurements
        if (m.check, m.column, m.segment) == (check, column, "") and m.value is not None
    }


def test_the_windows_facts_are_the_measurements_of_all_rows(
    judged: tuple[Evaluation, list[dict[str, Any]]],
) -> None:
    evaluation, widgets = judged
    cards = cards_of(widgets)
    for column in ("alcohol", "malic_acid"):
        measured, shown = values_of(evaluation, "quality", column), cards[column]
        for label in ("mean", "std", "min", "max", "median", "distinct"):
            metric = "q50" if label == "median" else label
            number = float(shown[label][0].replace(",", ""))
            assert number == pytest.approx(measured[metric], rel=1e-5), (column, label)
        assert shown["count"][0] == "400"
        count, _, share = shown["missing"][0].partition(" ")
        assert float(count) == measured["missing_count"]
        assert share == f"({measured['missing_share']:.1%})"
    region = values_of(evaluation, "quality", "region")
    assert cards["region"]["distinct"][0] == f"{region['distinct']:.0f}"
    assert cards["malic_acid"]["missing"][0].startswith("45 ")


def test_a_sample_is_called_one(judged: tuple[Evaluation, list[dict[str, Any]]]) -> None:
    _, widgets = judged
    [card] = [w for w in widgets if w["params"] and w["params"].get("header") == "alcohol"]
    assert card["params"]["metricsValuesHeaders"] == ["current", "reference (sample)"]
    assert cards_of(widgets)["alcohol"]["count"] == ["400", str(DRAWN)]
    counts = [trace["y"] for trace in card["params"]["graph"]["data"] if trace["visible"]]
    assert [sum(side) for side in counts] == [DRAWN, DRAWN]
    # A column that no check measured has the sample on both sides.
    [card] = [w for w in widgets if w["params"] and w["params"].get("header") == "label"]
    assert card["params"]["metricsValuesHeaders"] == ["current (sample)", "reference (sample)"]


def test_the_scores_of_performance_are_those_of_all_labelled_rows(
    judged: tuple[Evaluation, list[dict[str, Any]]],
) -> None:
    evaluation, widgets = judged
    measured = values_of(evaluation, "performance")
    assert measured
    place = next(
        number
        for number, widget in enumerate(widgets)
        if "Performance in the window" in str(widget["params"])
    )
    shown = {
        counter["label"]: float(counter["value"])
        for counter in widgets[place + 1]["params"]["counters"]
    }
    assert shown == {name: pytest.approx(value, rel=1e-5) for name, value in measured.items()}


def test_the_dataset_table_is_of_all_rows(
    judged: tuple[Evaluation, list[dict[str, Any]]],
) -> None:
    evaluation, widgets = judged
    [table] = [w["params"]["data"] for w in widgets if w["type"] == "table"]
    facts = {row[0]: row[1:] for row in table}
    missing = sum(
        values_of(evaluation, "quality", column)["missing_count"]
        for column in ("alcohol", "malic_acid", "region")
    )
    assert facts["rows"] == ["400", "1,200"]
    assert facts["rows drawn"] == [str(DRAWN), str(DRAWN)]
    assert facts["columns"] == ["3", "3"]
    assert facts["missing values"][0].partition(" ")[0] == f"{missing:.0f}"
    score = values_of(evaluation, "quality")["data_quality_score"]
    assert float(facts["data quality score"][0]) == pytest.approx(score, rel=1e-5)


# --- wide -----------------------------------------------------------------------------------------
def test_f13_three_hundred_columns_make_a_page_that_a_browser_draws(
    make_monitor: MonitorFactory, tmp_path: Path
) -> None:
    names = [f"c{number}" for number in range(300)]

    def wide(seed: int) -> pa.Table:
        random = np.random.default_rng(seed)
        table = sample(1500, seed=seed).select(["ts"])
        for number, name in enumerate(names):
            moved = seed if number == 250 else 0
            table = table.append_column(name, pa.array(random.normal(moved, 1, 1500)))
        return table

    path = make_monitor(current=wide(1), reference=wide(0), columns={"numerical": names})
    _, html = judge(path, tmp_path)
    widgets = widgets_of(html)
    [rows] = [w["params"]["data"] for w in widgets if w["type"] == "big_table"]
    [listed] = [w for w in widgets if w["type"] == "list"]
    assert {row["column_name"] for row in rows} == set(cards_of(widgets)) == set(names)
    drifted = [row["column_name"] for row in rows if row["data_drift"] == "Detected"]
    assert "c250" in drifted
    assert [row["column_name"] for row in rows[: len(drifted)]] == drifted, "drifted ones first"
    assert [w["params"]["header"] for w in listed["widgets"][: len(drifted)]] == drifted
    assert listed["pageSize"] == 10, "figures are drawn when their page is opened"
    cards = {widget["id"]: widget["params"]["header"] for widget in listed["widgets"]}
    opened = {row["column_name"]: row["details"]["parts"][0]["id"] for row in rows}
    assert all(cards[key] == name for name, key in opened.items())
    assert len(html) < 5_500_000

    click = "setTimeout(() => document.querySelector('tbody button').click(), 1000)"
    (tmp_path / "page.html").write_text(html.replace("</body>", f"<script>{click}</script></body>"))
    drawn = dumped(tmp_path / "page.html", milliseconds=8000).rpartition('<div id="root_metric')[2]
    figures = drawn.partition("<script")[0].count('js-plotly-plot"')
    assert figures == 11, "a page of ten, and the row that was opened"


# --- what a report costs --------------------------------------------------------------------------
EVALUATE = """
import json, pathlib, sys
from monitoring_jobs import Settings, evaluate
from monitoring_jobs.monitor_files import load_monitor
from tests.fixtures.monitors import DAY
path, work = map(pathlib.Path, sys.argv[1:])
settings = Settings.load(cache_dir=work / "cache", mlflow_tracking_uri=None)
evaluation = evaluate(load_monitor(path), DAY, settings, out=work / "out")
loaded = {"evidently", "pandas", "plotly", "sklearn"} & set(sys.modules)
drawn = [name for name in sys.modules if name.startswith("monitoring_jobs.reports.")]
print(json.dumps([str(evaluation.status), evaluation.report, sorted(loaded), drawn]))
"""


def loaded_by(path: Path, work: Path) -> tuple[str, str | None, set[str], set[str]]:
    """Evaluate in a process of its own; return verdict, report, libraries, modules of reports."""
    done = subprocess.run(
        [sys.executable, "-c", EVALUATE, str(path), str(work)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    status, report, libraries, modules = json.loads(done.stdout.splitlines()[-1])
    return status, report, set(libraries), set(modules)


def test_on_alert_a_good_day_draws_nothing_and_imports_nothing_to_draw_with(
    make_monitor: MonitorFactory, tmp_path: Path
) -> None:
    path = make_monitor(columns=LABELLED, task="classification", report={"when": "on_alert"})
    status, report, libraries, modules = loaded_by(path, tmp_path)
    assert (status, report, libraries) == ("ok", None, set())
    assert "monitoring_jobs.reports.rendering" not in modules
    written = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert written["report"] is None
    assert written["rows"]["sampled"] == 0
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["evaluation.json"]


def test_on_alert_a_bad_day_is_drawn_without_importing_evidently(
    make_monitor: MonitorFactory, tmp_path: Path
) -> None:
    bad = sample(400, seed=1, shift=3)
    path = make_monitor(current=bad, report={"when": "on_alert"})
    status, report, libraries, _ = loaded_by(path, tmp_path)
    assert (status, report, libraries) == ("warning", "report.html", set())
    assert (tmp_path / "out" / "report.html").stat().st_size > 3_000_000


def test_labels_that_have_not_come_import_no_evidently(
    make_monitor: MonitorFactory, tmp_path: Path
) -> None:
    late = sample(400, seed=1)
    place = late.column_names.index("label")
    late = late.set_column(place, "label", pa.nulls(400, pa.int64()))
    path = make_monitor(current=late, columns=LABELLED, task="classification")
    _, report, libraries, _ = loaded_by(path, tmp_path)
    assert (report, libraries) == ("report.html", set())
