"""A restored installation answers every SQL query of every dashboard as the one backed up did."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from monitoring_jobs.backup import backup, restore
from monitoring_jobs.reports.store import ReportStore
from monitoring_jobs.settings import Settings
from tests.fixtures.airflow_stack import AirflowStack
from tests.fixtures.postgres import Server, url_as
from tests.grafana.execution import Opened, Sources, open_dashboard, run_query
from tests.grafana.frames import Frame
from tests.grafana.loading import (
    POSTGRES,
    Dashboard,
    Query,
    dashboard_files,
    read_alert_rules,
    read_dashboard,
)
from tests.grafana.postgres_source import PostgresSource
from tests.grafana.prometheus_source import PrometheusSource
from tests.grafana.rarities import copied_results
from tests.grafana.time_range import parse_range

# One database is asked after the other, so ages differ a little.
_SECONDS_BETWEEN = 120


@dataclass(frozen=True)
class Twins:
    """What was backed up, and what it was restored to."""

    before: Sources
    after: Sources
    reports_before: Path
    reports_after: Path


@pytest.fixture(scope="module")
def twins(
    airflow_stack: AirflowStack, postgres_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Twins]:
    folder = tmp_path_factory.mktemp("restored")
    reports = airflow_stack.reports
    name = postgres_server.create_database()
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        stack.callback(postgres_server.drop_database, name)
        patch.setenv("PATH", f"{postgres_server.binaries}{os.pathsep}{os.environ['PATH']}")
        reader = stack.enter_context(copied_results(airflow_stack.results, reports))
        archive = str(folder / "backup.tar")
        owner = url_as(reader, "monitoring_owner")
        backup(Settings.load(database_url=owner, report_store=str(reports)), archive, _untold)
        target = Settings.load(
            database_url=postgres_server.url(name), report_store=str(folder / "reports")
        )
        restore(target, archive, _untold, replace=False)
        restored = postgres_server.url(name, "monitoring_reader")
        # What asks Prometheus is left out below: a restore has no part in that.
        prometheus = PrometheusSource("http://127.0.0.1:9", 15.0, datetime.now(UTC))
        now = datetime.now(UTC)
        before, after = (
            Sources(stack.enter_context(closing(PostgresSource(url))), prometheus, now)
            for url in (reader, restored)
        )
        yield Twins(before, after, reports, folder / "reports")


def _untold(_done: int, _total: int | None, _name: str) -> None:
    """Report progress to nobody."""


@pytest.mark.parametrize("path", dashboard_files(), ids=lambda path: path.stem)
def test_restored_database_answers_every_query_of_a_dashboard_the_same(
    path: Path, twins: Twins
) -> None:
    dashboard = _of_postgres(read_dashboard(path))
    before, after = (open_dashboard(dashboard, one) for one in (twins.before, twins.after))
    assert _problems(before) == []
    assert _problems(after) == []
    assert _chosen(after) == _chosen(before)
    asked = [query for result in before.panels for query in result.panel.queries]
    assert asked
    assert sum(frame.rows for result in before.panels for frame in result.frames)
    for first, second in zip(before.panels, after.panels, strict=True):
        text = " ".join(query.text for query in first.panel.queries)
        _compare(first.frames, second.frames, text)
    for (annotation, first_), (_, second_) in zip(
        before.annotations, after.annotations, strict=True
    ):
        _compare(tuple(first_), tuple(second_), str(annotation["name"]))


def test_restored_database_answers_every_query_of_the_alert_rules_the_same(twins: Twins) -> None:
    asked = 0
    for rule in read_alert_rules():
        for step in rule.steps:
            if step["datasourceUid"] == POSTGRES:
                query = Query(str(step["refId"]), POSTGRES, step["model"])
                span = parse_range("now-1h", "now", twins.before.now)
                both = (twins.before, twins.after)
                first, second = (tuple(run_query(query, {}, {}, one, span)) for one in both)
                _compare(first, second, query.text)
                asked += 1
    assert asked


def test_restored_store_holds_every_evaluation_and_report(twins: Twins) -> None:
    before, after = (
        ReportStore.open(folder) for folder in (twins.reports_before, twins.reports_after)
    )
    assert after.monitors() == before.monitors() != []
    for monitor in before.monitors():
        assert after.windows(monitor) == before.windows(monitor)
        newest = before.windows(monitor)[-1]
        assert after.get(monitor, newest) == before.get(monitor, newest)
        assert after.report_html(monitor, newest) == before.report_html(monitor, newest)


def _of_postgres(dashboard: Dashboard) -> Dashboard:
    """Return a dashboard without what asks Prometheus."""

    def ours(model: Mapping[str, Any]) -> bool:
        return (model.get("datasource") or {}).get("uid") != "prometheus-datasource"

    def panel(model: Mapping[str, Any]) -> dict[str, Any]:
        inner = [panel(one) for one in model.get("panels") or []]
        targets = [one for one in model.get("targets") or [] if ours(model | one)]
        return {**model, "panels": inner, "targets": targets}

    model = dict(dashboard.model)
    model["panels"] = [panel(one) for one in model["panels"]]
    for key in ("templating", "annotations"):
        listed = (model.get(key) or {}).get("list") or []
        model[key] = {"list": [one for one in listed if ours(one)]}
    return Dashboard(dashboard.path, model)


def _problems(opened: Opened) -> list[str]:
    found = [*opened.problems, *(one for result in opened.panels for one in result.problems)]
    return [str(one) for one in found]


def _chosen(opened: Opened) -> dict[str, Any]:
    return {name: (one.options, one.chosen) for name, one in opened.variables.items()}


def _compare(before: tuple[Frame, ...], after: tuple[Frame, ...], text: str) -> None:
    if "NOW()" not in text.upper():
        assert after == before, text
        return
    assert len(after) == len(before)
    for first, second in zip(before, after, strict=True):
        for old, new in zip(first.fields, second.fields, strict=True):
            assert (new.name, new.kind, new.labels) == (old.name, old.kind, old.labels)
            if "pg_database_size" in text and old.name == "size":
                continue  # what a table leaves free on the disk is no part of a backup
            for one, other in zip(old.values, new.values, strict=True):
                numbers = isinstance(one, float) and isinstance(other, float)
                near = numbers and math.isclose(one, other, rel_tol=0, abs_tol=_SECONDS_BETWEEN)
                assert near or one == other, text
