"""What Airflow's pages say of a monitor."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from _descriptions import TASKS, monitor_doc, monitor_texts, owner_links, shown, tags

from monitoring_jobs.links import Links
from monitoring_jobs.monitor_files import load_monitor, spec_of
from tests.dags.conftest import Airflow, write_monitor
from tests.dags.test_markup import NASTY, PLAIN, inline, parsed

LINKS = Links(airflow="/base/", mlflow="https://mlflow.example", grafana="https://grafana.example")
WHOLE: dict[str, Any] = {
    "name": "wine_quality",
    "description": "Wine classifier behind the sommelier app",
    "owner": "ml-platform@example.com",
    "schedule": "30 6 * * *",
    "timezone": "Europe/Berlin",
    "window": "7d",
    "delay": "2h",
    "model": {"name": "wine", "alias": "champion"},
    "task": "classification",
    "data": {"source": "parquet", "path": "s3://key:canary@predictions/wine/", "timestamp": "ts"},
    "reference": {"source": "trailing", "windows": 14, "skip": 1},
    "columns": {
        "numerical": ["alcohol", "acid"],
        "categorical": ["region"],
        "prediction": "guess",
        "target": "label",
        "id": "request",
    },
    "segments": ["region"],
    "checks": {
        "schema": {"new_column": "ok"},
        "quality": {"missing_share": 0.05, "columns": {"acid": {"outlier_share": 0.3}}},
        "drift": {"columns": {"alcohol": {"method": "ks", "threshold": 0.01}}, "min_rows": 200},
        "performance": {"accuracy": {"min": 0.85}},
    },
    "report": {"when": "on_alert"},
    "publish": {"webhook": True},
    "split": 4,
}


def doc(**keys: Any) -> str:
    return monitor_doc(spec_of(WHOLE | keys), LINKS)


def cells(markdown: str) -> list[list[str]]:
    """Return the tables' rows as they are shown."""
    rows: list[list[str]] = []
    for before, token in pairwise(parsed(markdown)):
        if before.type == "tr_open":
            rows.append([])
        if before.type in ("th_open", "td_open"):
            seen = (t.content for t in token.children or () if t.type in PLAIN)
            rows[-1].append("".join(seen))
    return rows


def test_text_tells_what_is_judged_where_when_and_against_what() -> None:
    facts = {row[0]: row[1] for row in cells(doc()) if len(row) == 2}
    expected = {
        "Owner": "ml-platform@example.com",
        "Model": "wine at champion",
        "Data": "parquet s3://predictions/wine/, time in ts",
        "Window": "7d, cut in Europe/Berlin",
        "Schedule": "30 6 * * *",
        "Late rows": "are waited for 2h",
        "Reference": "the 14 windows before, after 1 skipped",
        "Numerical features": "alcohol, acid",
        "Categorical features": "region",
        "Prediction": "guess",
        "Target": "label",
        "Id": "request",
        "Segments": "region",
        "Report": "when the verdict is bad, over at most 20000 rows a side",
        "Published to": "Postgres, gauges, webhook",
        "Columns shared by": "4 tasks",
    }
    assert {name: facts.get(name) for name in expected} == expected
    assert doc().startswith("Wine classifier behind the sommelier app\n\n")


def test_text_tells_every_threshold_and_its_exceptions() -> None:
    rows = cells(doc())
    for row in (
        ["schema", "new column", "all", "counts as ok"],
        ["quality", "missing_share", "all", "up to 0.05"],
        ["quality", "outlier_share", "acid", "up to 0.3"],
        ["drift", "wasserstein", "numerical", "below 0.1 (distance)"],
        ["drift", "jensenshannon", "categorical", "below 0.1 (distance)"],
        ["drift", "ks", "alcohol", "above 0.01 (p-value)"],
        ["drift", "drifted_share", "all together", "below 0.5"],
        ["drift", "rows needed", "a side", "200 or more, else not judged"],
        ["performance", "accuracy", "all together", "from 0.85 on"],
    ):
        assert row in rows


def test_text_of_a_check_that_is_off_says_so() -> None:
    assert ["drift", "off", "", ""] in cells(doc(checks={"drift": False}))


def test_text_leads_to_the_pages_that_the_environment_names() -> None:
    targets = [str(t.attrs["href"]) for t in inline(parsed(doc())) if t.type == "link_open"]
    assert targets == [
        LINKS.monitor("wine_quality"),
        LINKS.latest_report("wine_quality"),
        LINKS.grafana_monitor("wine_quality"),
        LINKS.mlflow_model("wine"),
    ]
    alone = monitor_doc(spec_of(WHOLE), Links(airflow="/"))
    assert alone.count("](<") == 2


def test_query_is_a_block_of_code() -> None:
    query = "SELECT `a`, '|' FROM log\nWHERE ts >= :start AND ts < :end -- <b>"
    data = {"source": "sql", "connection": "warehouse", "query": query}
    tokens = parsed(doc(data=data))
    assert [t.content.rstrip("\n") for t in tokens if t.type == "code_block"] == [query]


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("s3://key:canary@bucket/x", "s3://bucket/x"),
        ("https://canary@host/x?sig=canary#canary", "https://host/x"),
        ("s3://key:ca@na/ry@bucket/x", "s3://..."),
        ("simplecache::s3://key:canary@bucket/x", "simplecache://..."),
        ("folder/part=1/*.parquet", "folder/part=1/*.parquet"),
    ],
)
def test_f63_no_login_of_a_url_is_shown(path: str, seen: str) -> None:
    assert shown(path) == seen
    assert "canary" not in doc(data={"source": "csv", "path": path, "timestamp": "ts"})


@pytest.mark.parametrize("nasty", NASTY)
def test_f57_nothing_that_a_file_says_is_alive(nasty: str) -> None:
    # What these may not hold is refused with the file.
    line = "".join(mark for mark in nasty if mark.isprintable())
    whole = doc(
        description="".join(mark for mark in nasty if mark.isprintable() or mark in "\n\t"),
        owner=line,
        model={"name": line, "alias": line},
        data={"source": "csv", "path": nasty, "timestamp": nasty},
        reference={"source": "sql", "connection": "c", "query": nasty},
        columns={"numerical": [nasty, "x"], "prediction": nasty + "p", "id": nasty},
        segments=[nasty],
        checks={"drift": {"columns": {nasty: {"method": "ks"}}}},
        task=None,
    )
    tokens = parsed(whole)
    allowed = {*PLAIN, "strong_open", "strong_close", "link_open", "link_close"}
    alive = [t for t in inline(tokens) if t.type not in allowed and t.content != "<!-- -->"]
    assert [t.type for t in alive] == []
    kinds = {t.type for t in tokens}
    assert not kinds & {"html_block", "fence", "heading_open", "blockquote_open", "hr"}
    hrefs = [str(t.attrs["href"]) for t in inline(tokens) if t.type == "link_open"]
    assert all(href.startswith(("/base/", "https://mlflow.", "https://grafana.")) for href in hrefs)
    assert all(len(row) in (2, 4) for row in cells(whole))


def test_text_stays_small_for_a_thousand_columns() -> None:
    names = [f"column_{i}" for i in range(1000)]
    methods = {name: {"method": "ks"} for name in names}
    whole = doc(columns={"numerical": names}, checks={"drift": {"columns": methods}}, segments=[])
    assert "and 970 more" in whole
    assert "950 more columns" in whole
    assert len(whole) < 10_000


@pytest.mark.parametrize(
    ("owner", "links"),
    [
        ("ml@example.com", {"ml@example.com": "mailto:ml@example.com"}),
        ("https://chat.example/ml", {"https://chat.example/ml": "https://chat.example/ml"}),
        ("ML platform", {}),
        ("", {}),
        ("javascript:alert(1)", {}),
        ("http://[", {}),
        ("Jane <jane@example.com>", {}),
    ],
)
def test_owner_links_where_there_is_something_to_open(owner: str, links: dict[str, str]) -> None:
    assert owner_links(owner) == links


def test_tags_name_model_and_owner_and_stay_within_what_airflow_takes() -> None:
    assert tags(spec_of(WHOLE)) == [
        "monitoring",
        "monitor",
        "model:wine",
        "owner:ml-platform@example.com",
    ]
    assert max(map(len, tags(spec_of(WHOLE | {"owner": "x" * 250})))) == 100
    plain = {key: value for key, value in WHOLE.items() if key not in ("owner", "model")}
    assert tags(spec_of(plain)) == ["monitoring", "monitor"]


def test_dags_and_tasks_explain_themselves(airflow: Airflow, monitors: Path) -> None:
    airflow.env |= {
        "AIRFLOW__API__BASE_URL": "https://airflow.example/base",
        "MONITORING_GRAFANA_URL": "https://grafana.example",
    }
    path = monitors / "whole.yaml"
    everything = {"webhook": True, "mlflow": True}
    path.write_text(json.dumps(WHOLE | {"publish": everything, "backfill_on_first_run": 3}))
    write_monitor(monitors, "small", owner=NASTY[0] * 5)
    (monitors / "sour.yaml").write_text("name: [", encoding="utf-8")
    loaded = airflow.call("load")
    assert (loaded["import_errors"], loaded["warnings"]) == ({}, [])
    dags = loaded["dags"]
    links = Links(airflow="/base/", grafana="https://grafana.example")
    texts = monitor_texts(load_monitor(path), links)
    whole = dags["monitor__wine_quality"]
    assert whole["doc_md"] == texts["doc_md"]
    assert whole["description"] == WHOLE["description"]
    assert whole["owner_links"] == {"ml-platform@example.com": "mailto:ml-platform@example.com"}
    assert set(whole["tasks"]) == set(TASKS)
    names = {dag_id: dag["display_name"] for dag_id, dag in dags.items()}
    assert names == {
        "extract_mlflow_runs": "Extract MLflow runs",
        "maintain_store": "Maintain the stores",
        "monitor__small": "Monitor small",
        "monitor__sour": "Monitor file sour.yaml (broken)",
        "monitor__wine_quality": "Monitor wine_quality",
    }
    assert all(task["doc_md"] for dag in dags.values() for task in dag["tasks"].values())
    assert all(dag["doc_md"] for dag in dags.values())


def test_malformed_variable_costs_links_and_no_dag(airflow: Airflow, monitors: Path) -> None:
    write_monitor(monitors, "wine")
    airflow.env["MONITORING_THREADS"] = "many"
    loaded = airflow.call("load")
    assert loaded["import_errors"] == {}
    assert (
        "/plugin/monitoring/monitoring/monitors/wine" in loaded["dags"]["monitor__wine"]["doc_md"]
    )
