"""The Evidently page: our numbers on it, every column survived, nothing in it runs."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from monitoring_jobs.reports import drawings, rendering
from monitoring_jobs.reports.rendering import render
from monitoring_jobs.reports.store import ReportStore
from monitoring_jobs.results import Evaluation, Measurement, ModelRef, Status
from tests.fixtures.chromium import dumped
from tests.fixtures.evaluations import drift, make_evaluation

ATTACK = "</script><script>document.title='pwned'</script>"
ROWS = 150


class Page(HTMLParser):
    """The elements of a page, as a browser finds them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.scripts: list[str] = []
        self.text = ""
        self._open = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._open = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "script":
            self.scripts[-1] += data
        elif self._open != "style":
            self.text += data

    @property
    def widgets(self) -> list[dict[str, Any]]:
        """What Evidently's script draws."""
        [line] = [
            line for line in self.scripts[0].split("\n") if line.startswith("    var metric_")
        ]
        dashboard = json.loads(line.partition(" = ")[2].rstrip(";"))
        return list(walk(dashboard["widgets"]))

    @property
    def drift_rows(self) -> list[dict[str, Any]]:
        [table] = [
            widget
            for widget in self.widgets
            if widget["type"] == "big_table" and "drifted" in widget["title"]
        ]
        rows: list[dict[str, Any]] = table["params"]["data"]
        return rows

    @property
    def titles(self) -> set[str]:
        return {widget["title"] for widget in self.widgets}

    @property
    def summarized(self) -> set[str]:
        """Columns that Evidently's summary shows."""
        return {w["params"]["header"] for w in self.widgets if w["type"] == "rich_data"}


def walk(widgets: list[dict[str, Any]]) -> Any:
    for widget in widgets:
        yield widget
        yield from walk(widget["widgets"])


def table(shift: float = 0.0, rows: int = ROWS, **columns: Any) -> pa.Table:
    rng = np.random.default_rng(int(shift * 10))
    score = rng.integers(0, 3, rows)
    data = {
        "alcohol": rng.normal(13 + shift, 1, rows),
        "malic_acid": rng.gamma(2, 1, rows),
        "region": pa.array(rng.choice(["north", "south", "east"], rows)),
        "prediction": score,
        "label": np.where(rng.random(rows) < 0.8, score, 1),
        "price": rng.normal(100, 10, rows),
        "paid": rng.normal(100, 10, rows),
    }
    return pa.table({**data, **columns})


CURRENT, REFERENCE = table(0.4), table()


def draw(
    evaluation: Evaluation | None = None,
    current: pa.Table = CURRENT,
    reference: pa.Table = REFERENCE,
    **options: Any,
) -> Page:
    roles = {"numerical": ["alcohol", "malic_acid"], "categorical": ["region"]}
    html = render(evaluation or make_evaluation(), current, reference, **{**roles, **options})
    return Page(html)


# --- parity ---------------------------------------------------------------------------------------
def test_page_shows_scores_methods_thresholds_and_verdicts_of_evaluation_json() -> None:
    measurements = (
        drift("alcohol", "wasserstein", 0.123456789, 0.1, drifted=True),
        drift("malic_acid", "ks", 3.21e-14, 0.05, drifted=True),
        drift("region", "chisquare", 0.7, 0.05, drifted=False),
        drift("prediction", "psi", 0.0, 0.1, drifted=False),
        Measurement(
            check="drift", metric="drifted_share", value=0.5, threshold=0.5, status=Status.FAILED
        ),
    )
    evaluation = make_evaluation(measurements=measurements)
    written = json.loads(evaluation.to_json())["measurements"]
    expected = {
        m["column"]: (
            m["metric"],
            pytest.approx(m["value"], rel=1e-5),
            m["threshold"],
            "Detected" if m["detail"]["drifted"] else "Not Detected",
        )
        for m in written
        if m["column"]
    }
    page = draw(evaluation, prediction="prediction", target="label", task="classification")
    shown = {
        row["column_name"]: (
            row["stattest_name"],
            row["drift_score"],
            row["threshold"],
            row["data_drift"],
        )
        for row in page.drift_rows
    }
    assert shown == expected
    counters = [
        (counter["value"], counter["label"])
        for widget in page.widgets
        if widget["type"] == "counter"
        for counter in widget["params"]["counters"]
    ]
    assert ("0.5", "Share of Drifted Columns") in counters
    assert ("2", "Drifted Columns") in counters
    said = "Dataset Drift is detected. Dataset drift detection threshold is 0.5"
    assert ("Dataset Drift", said) in [(label, value) for value, label in counters] or (
        said,
        "Dataset Drift",
    ) in [(label, value) for value, label in counters]


def test_counters_agree_with_the_share_which_leaves_out_the_prediction() -> None:
    prediction = drift("prediction", "psi", 0.3, 0.1, drifted=True)
    measurements = (
        drift("alcohol", "wasserstein", 0.2, 0.1, drifted=True),
        drift("region", "chisquare", 0.7, 0.05, drifted=False),
        replace(prediction, detail={**prediction.detail, "role": "prediction"}),
        Measurement(
            check="drift", metric="drifted_share", value=0.5, threshold=0.6, status=Status.OK
        ),
    )
    page = draw(make_evaluation(measurements=measurements))
    counters = {
        counter["label"]: counter["value"]
        for widget in page.widgets
        if widget["type"] == "counter"
        for counter in widget["params"]["counters"]
    }
    assert (counters["Columns"], counters["Drifted Columns"]) == ("2", "1")
    assert {row["column_name"] for row in page.drift_rows} == {"alcohol", "region", "prediction"}


def test_scores_are_not_computed_from_the_sample() -> None:
    absurd = make_evaluation(
        measurements=(drift("alcohol", "wasserstein", 42.0, 0.1, drifted=False),)
    )
    [row] = draw(absurd).drift_rows
    assert (row["drift_score"], row["data_drift"]) == (42, "Not Detected")


def test_drift_of_segments_stays_out_of_the_table() -> None:
    inside = replace(drift("ph", "ks", 0.5, 0.05, drifted=False), segment="region=north")
    page = draw(make_evaluation(measurements=(*make_evaluation().measurements, inside)))
    assert "ph" not in {row["column_name"] for row in page.drift_rows}


def test_head_names_monitor_model_window_verdict_and_sizes() -> None:
    text = draw().text
    for wanted in (
        "wine_quality",
        "wine version 3 (champion)",
        "2026-11-20 00:00 to 2026-11-21 00:00 UTC",
        "warning",
        "500 (150 drawn)",
        "900 (150 drawn)",
        "alcohol",
    ):
        assert wanted in text


def test_evaluation_without_drift_still_makes_a_page() -> None:
    page = draw(make_evaluation(measurements=(), model=ModelRef()))
    assert "not tracked" in page.text
    assert page.summarized == {"alcohol", "malic_acid", "region"}


# --- performance ----------------------------------------------------------------------------------
def test_classification_is_drawn_where_labels_are() -> None:
    page = draw(task="classification", prediction="prediction", target="label")
    assert "Current: Model Quality Metrics" in page.titles
    assert "Reference: Model Quality Metrics" in page.titles


def test_regression_is_drawn_where_labels_are() -> None:
    page = draw(task="regression", prediction="price", target="paid")
    assert any("Regression Model" in str(widget["params"]) for widget in page.widgets)


def test_two_classes_are_judged_by_the_positive_one() -> None:
    def labels(rows: int) -> pa.Table:
        predicted = np.arange(rows) % 2
        return table(prediction=predicted, label=np.where(np.arange(rows) < 30, 1, predicted))

    pages = [
        draw(
            current=labels(ROWS),
            reference=labels(ROWS),
            task="classification",
            prediction="prediction",
            target="label",
            positive_label=positive,
        )
        for positive in ("0", None)
    ]
    recalls = [
        next(
            counter["value"]
            for widget in page.widgets
            if widget["title"] == "Current: Model Quality Metrics"
            for counter in widget["params"]["counters"]
            if counter["label"] == "Recall"
        )
        for page in pages
    ]
    assert recalls == ["1.0", "0.833"]


def test_late_labels_leave_the_rest_of_the_page() -> None:
    late = table(label=pa.nulls(ROWS, pa.int64()))
    page = draw(current=late, task="classification", prediction="prediction", target="label")
    assert "Current: Model Quality Metrics" not in page.titles
    assert "alcohol" in page.summarized


def test_reference_without_labels_still_shows_the_window() -> None:
    bare = REFERENCE.drop_columns(["label"]).append_column("label", pa.nulls(ROWS, pa.int64()))
    page = draw(reference=bare, task="classification", prediction="prediction", target="label")
    assert "Current: Model Quality Metrics" in page.titles
    assert "Reference: Model Quality Metrics" not in page.titles


# --- one bad column -------------------------------------------------------------------------------
BAD: dict[str, Any] = {
    "all null": pa.nulls(ROWS),
    "all nan": np.full(ROWS, np.nan),
    "infinite": np.full(ROWS, np.inf),
    "constant": np.full(ROWS, 3.0),
    "huge": np.array([1e308, -1e308] * (ROWS // 2)),
    "one value": pa.array([1.5] + [None] * (ROWS - 1)),
    "text": pa.array(["a"] * ROWS),
    "lists": pa.array([[1]] * ROWS),
    "structs": pa.array([{"a": 1}] * ROWS),
    "binary": pa.array([b"\xff"] * ROWS),
    "dates": pa.array(np.arange(ROWS, dtype="int32")).cast(pa.date32()),
    "booleans": pa.array([True, False, None] * (ROWS // 3)),
    "nullable": pa.array([1, None] * (ROWS // 2), pa.uint8()),
    "decimals": pa.array(["1.5"] * ROWS).cast(pa.decimal128(10, 2)),
    "mixed case": pa.array(["a", "A", "", None, "nan"] * (ROWS // 5)),
    "floats as labels": np.array([1.0, 2.5, np.nan] * (ROWS // 3)),
    "category": pa.array(["x", "y", None] * (ROWS // 3)).dictionary_encode(),
    "category of numbers": pa.array([1, 2, None] * (ROWS // 3)).dictionary_encode(),
}


@pytest.fixture(scope="module")
def bad_pages() -> dict[str, Page]:
    """A page per role, with every bad column beside two good ones."""
    measured = tuple(
        Measurement(check="drift", metric="psi", column=name, status=Status.INSUFFICIENT_DATA)
        for name in BAD
    )
    evaluation = make_evaluation(measurements=(*make_evaluation().measurements, *measured))
    sides = table(0.4, **BAD), table(**BAD)
    return {
        "numerical": draw(evaluation, *sides, numerical=["alcohol", *BAD], categorical=["region"]),
        "categorical": draw(
            evaluation, *sides, numerical=["alcohol"], categorical=["region", *BAD]
        ),
    }


@pytest.mark.parametrize("role", ["numerical", "categorical"])
@pytest.mark.parametrize("name", BAD)
def test_f04_bad_column_is_drawn_or_named_with_its_reason(
    bad_pages: dict[str, Page], name: str, role: str
) -> None:
    page = bad_pages[role]
    row = next(row for row in page.drift_rows if row["column_name"] == name)
    assert row["data_drift"] == "Not judged"
    assert row["drift_score"] == ""
    assert (name in page.summarized) != (f"{name} (" in page.text)


@pytest.mark.parametrize("role", ["numerical", "categorical"])
def test_f04_bad_columns_cost_no_other_column_its_place(
    bad_pages: dict[str, Page], role: str
) -> None:
    assert {"alcohol", "region"} <= bad_pages[role].summarized
    assert any(widget["type"] == "big_table" for widget in bad_pages[role].widgets)
    assert "Dataset Summary" in str(bad_pages[role].widgets), "the preset came as a whole"


def test_f04_all_null_column_alone_is_left_out() -> None:
    empty = table(empty=pa.nulls(ROWS))
    page = draw(current=empty, reference=empty, numerical=["empty"], categorical=[])
    assert page.summarized == set()
    assert "empty (no value on one side)" in page.text


@pytest.mark.parametrize("side", ["current", "reference"])
def test_f05_column_of_one_side_is_named_and_left_out(side: str) -> None:
    sides = {"current": CURRENT, "reference": REFERENCE}
    sides[side] = sides[side].drop_columns(["malic_acid"])
    page = draw(**sides)  # type: ignore[arg-type]
    assert "malic_acid (not in both samples)" in page.text
    assert "alcohol" in page.summarized


def test_f01_empty_sample_makes_a_page_without_drawings() -> None:
    page = draw(current=CURRENT.slice(0, 0), reference=REFERENCE.slice(0, 0))
    assert page.summarized == set()
    assert len(page.drift_rows) == 3


def test_f12_duplicate_column_is_left_out() -> None:
    twice = pa.Table.from_arrays(
        [*CURRENT.columns, CURRENT.column("alcohol")], names=[*CURRENT.column_names, "alcohol"]
    )
    assert "alcohol (occurs twice)" in draw(current=twice).text


def test_f14_id_like_category_is_cut_to_the_most_frequent_labels() -> None:
    ids = pa.array([f"id{n}" for n in range(ROWS)])
    page = draw(current=table(region=ids), reference=table(region=ids))
    row = next(row for row in page.drift_rows if row["column_name"] == "region")
    labels = row["current_distribution"]["x"]
    assert len(labels) == 21
    assert labels[0] == "(other)"


@pytest.mark.parametrize(
    ("module", "part"), [(drawings, "draw"), (rendering, "column_card")], ids=["figure", "card"]
)
def test_column_that_cannot_be_drawn_costs_only_itself(
    monkeypatch: pytest.MonkeyPatch, module: Any, part: str
) -> None:
    whole = getattr(module, part)

    def breaks(*given: Any) -> Any:
        if any(getattr(one, "name", "") == "malic_acid" for one in given):
            raise OverflowError
        return whole(*given)

    monkeypatch.setattr(module, part, breaks)
    page = draw()
    assert page.summarized == {"alcohol", "region"}
    assert "malic_acid (OverflowError while drawing)" in page.text
    assert len(page.drift_rows) == 3


def test_f13_wide_data_is_drawn_up_to_a_number_of_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawings, "MOST_COLUMNS_DRAWN", 3)
    names = [f"c{number}" for number in range(8)]
    wide = pa.table({name: np.arange(40.0) for name in names})
    measured = tuple(drift(name, "ks", 0.5, 0.05, drifted=False) for name in names)
    page = draw(make_evaluation(measurements=measured), wide, wide, numerical=names, categorical=[])
    assert len(page.drift_rows) == len(names)
    assert len(page.summarized) == 3
    assert "only 3 columns are" in page.text


# --- nothing in it runs ---------------------------------------------------------------------------
def hostile(text: str, task: str | None = None) -> str:
    """Return a page in which every name and label is hostile."""

    def side() -> pa.Table:
        name = text.encode("utf-8", "replace").decode()  # Arrow holds no lone surrogates
        labels = pa.array([name, f"{name}2", "plain"] * (ROWS // 3))
        return pa.table({name: np.arange(float(ROWS)), f"{name}c": labels, f"{name}p": labels})

    evaluation = make_evaluation(
        monitor=text,
        owner=text,
        model=ModelRef(name=text, version=text, alias=text),
        reference_id=text,
        code_version=text,
        status=Status.FAILED,
        measurements=(
            drift(text, "psi", 0.5, 0.1, drifted=True),
            drift(f"{text}c", "psi", 0.5, 0.1, drifted=True),
            drift(f"{text}missing", "psi", 0.5, 0.1, drifted=True),
            Measurement(
                check="quality",
                metric="rows",
                segment=f"{text}={text}",
                status=Status.ERROR,
                detail={"reason": text},
            ),
        ),
    )
    return render(
        evaluation,
        side(),
        side(),
        numerical=[text, f"{text}gone"],
        categorical=[f"{text}c"],
        task=task,
        prediction=f"{text}p",
        target=f"{text}c",
    )


HOSTILE = [
    ATTACK,
    "<img src=x onerror=alert(1)>",
    "<!--<script>",
    "]]></style></title></header>",
    "\u2028\u2029",
    "a\ud800\0\n\r\t\x1b[31m\u202e",
    "'\"`;${alert(1)}\\",
    "&lt;script&gt;",
    "<b>bold</b><a href='javascript:alert(1)'>x</a>",
]


@pytest.fixture(scope="module")
def plain_tags() -> list[str]:
    return Page(hostile("plain")).tags


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_f57_markup_in_names_and_labels_makes_no_element(text: str, plain_tags: list[str]) -> None:
    html = hostile(text, "classification" if text == ATTACK else None)
    page = Page(html)
    assert page.tags == plain_tags
    data = page.scripts[0].split("\n")
    assert [line.partition(" = ")[0].strip() for line in data] == ["", "var metric_page", ""]
    assert not set("<>&\u2028\u2029") & set(page.scripts[0])
    assert page.widgets
    html.encode()


def test_f57_page_forbids_every_request() -> None:
    html = render(make_evaluation(), CURRENT, REFERENCE, numerical=["alcohol"], categorical=[])
    assert "Content-Security-Policy" in html
    assert "default-src 'none'" in html


def test_f57_real_browser_draws_the_page_and_runs_nothing_of_the_data(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(hostile(ATTACK, "classification"))
    dom = dumped(tmp_path / "report.html", milliseconds=5000)
    assert "<title>pwned" not in dom
    assert "Data Drift Summary" in dom.rpartition('<div id="root_metric')[2].partition("<script")[0]


def test_f58_the_stored_report_is_the_rendered_page_to_the_byte(tmp_path: Path) -> None:
    html = render(make_evaluation(), CURRENT, REFERENCE, numerical=["alcohol"], categorical=[])
    store = ReportStore.open(tmp_path)
    stored = store.put(make_evaluation(), html)
    folder = Path(store.location(stored.monitor, stored.window))
    assert (folder / str(stored.report)).read_text(encoding="utf-8") == html


def test_telemetry_is_off() -> None:
    importlib.import_module("monitoring_jobs.reports.evidently")
    from evidently.telemetry import event_logger

    assert not event_logger.is_enabled()


def test_f13_same_evaluation_makes_the_same_page_to_the_byte() -> None:
    pages = [
        render(make_evaluation(), CURRENT, REFERENCE, numerical=["alcohol"], categorical=["region"])
        for _ in range(2)
    ]
    assert pages[0] == pages[1]
