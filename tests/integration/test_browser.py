"""The pages over a real Postgres as monitoring_reader, and a real report store."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from monitoring_jobs.browser import Browser, Page
from monitoring_jobs.errors import (
    DatabaseUnavailable,
    InvalidSettings,
    SchemaMismatch,
    StoreUnavailable,
)
from monitoring_jobs.links import Links
from monitoring_jobs.reports.store import ReportStore, drafts
from monitoring_jobs.results import DagRunRef, Evaluation, Measurement, ModelRef, Status
from monitoring_jobs.settings import Settings
from monitoring_jobs.sinks.postgres import PostgresSink
from monitoring_jobs.windows import Window
from tests.fixtures.evaluations import COMPUTED, DAY, day, drift, make_evaluation, quality
from tests.fixtures.postgres import rows as rows_of

REPORT = "<!DOCTYPE html><title>report</title><script>draw()</script>"
RUN = DagRunRef(dag_id="monitor__wine_quality", run_id="scheduled__2026-11-21T00:00:00+00:00")
LATER = DagRunRef(dag_id="monitor__wine_quality", run_id="manual__later")


def everybody(names: Collection[str]) -> Collection[str]:
    return names


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    return folder


@pytest.fixture
def sink(writer_url: str) -> PostgresSink:
    return PostgresSink(writer_url)


@pytest.fixture
def browser(reader_url: str, store: Path) -> Browser:
    settings = Settings(reader_url=SecretStr(reader_url), report_store=str(store))
    return Browser(settings, Links(airflow="/", mlflow="https://mlflow.test"))


def text(page: Page, status: int = 200) -> str:
    assert page.status == status
    assert isinstance(page.body, str)
    return page.body


def names(page: Page) -> list[str]:
    """Return the monitors of a list in their order."""
    return re.findall(r'href="(?:\.\./)?monitors/([^"?]+)" class="name"', text(page))


def ends(page: Page) -> list[str]:
    """Return the evaluations that a list links to, in its order."""
    return re.findall(r'href="(?:\.\./)?evaluations/([^"?/]+)" class="window"', text(page))


def next_query(page: Page) -> dict[str, str]:
    """Return the query of the link to the next page; empty without one."""
    found = re.search(r'href="[^"?]*\?([^"]*)" rel="next"', text(page))
    pairs = found[1].replace("&amp;", "&").split("&") if found else []
    return dict(pair.split("=", 1) for pair in pairs)


# --- the latest report ----------------------------------------------------------------------------
def test_the_latest_report_is_that_of_the_newest_window(
    browser: Browser, sink: PostgresSink
) -> None:
    for number in (0, 2, 1):
        sink.write(make_evaluation(window=day(number), report="report-first.html"))
    page = browser.latest_report("wine_quality")
    newest = make_evaluation(window=day(2))
    assert page.status == 303
    assert page.headers["Location"] == f"../../evaluations/{newest.id}?view=report"


def test_a_newest_window_without_report_leads_to_its_measurements(
    browser: Browser, sink: PostgresSink
) -> None:
    sink.write(make_evaluation())
    location = browser.latest_report("wine_quality").headers["Location"]
    assert location == f"../../evaluations/{make_evaluation().id}"


def test_a_monitor_without_windows_has_no_latest_report(browser: Browser) -> None:
    assert browser.latest_report("nobody").headers["Location"] == "../../monitors/nobody"


# --- lists ----------------------------------------------------------------------------------------
def test_monitors_stand_as_their_newest_window_does_the_worst_first(
    browser: Browser, sink: PostgresSink
) -> None:
    for monitor, old, new in (
        ("fine", Status.FAILED, Status.OK),
        ("bad", Status.OK, Status.FAILED),
        ("odd", Status.OK, Status.WARNING),
    ):
        sink.write(make_evaluation(monitor=monitor, window=day(-1), status=old))
        sink.write(make_evaluation(monitor=monitor, status=new, attempt="second"))
    page = browser.monitors({}, everybody)
    assert names(page) == ["bad", "odd", "fine"]
    assert "Last 2 windows: 1 failed, 1 ok; the newest ok" in text(page)
    assert names(browser.monitors({"status": "failed"}, everybody)) == ["bad"]
    assert names(browser.monitors({"to": "2026-11-19"}, everybody)) == ["fine", "bad", "odd"]
    assert names(browser.monitors({"q": "OD"}, everybody)) == ["odd"]
    assert names(browser.monitors({}, lambda _: ["odd"])) == ["odd"]
    assert "No monitor matches" in text(browser.monitors({"owner": "nobody"}, everybody))


def test_a_run_that_failed_since_shows_until_its_window_is_judged(
    browser: Browser, sink: PostgresSink
) -> None:
    sink.write(make_evaluation(monitor="fine", status=Status.OK))
    sink.write(make_evaluation(monitor="late", status=Status.OK))
    sink.write(make_evaluation(monitor="late", window=day(-1), status=Status.OK, attempt="old"))
    failure: dict[str, Any] = {"attempt": "x", "computed_at": COMPUTED, "error": "no server"}
    sink.record_error("late", day(1), **failure)
    sink.record_error("fine", day(-5), **failure)  # a backfill says nothing of today
    page = browser.monitors({}, everybody)
    assert names(page) == ["late", "fine"]
    assert text(page).count("run failed") == 1
    sink.write(make_evaluation(monitor="late", window=day(1), status=Status.OK, attempt="again"))
    assert "run failed" not in text(browser.monitors({}, everybody))


def test_a_monitors_own_page_says_so_too_of_the_same_monitors(
    browser: Browser, sink: PostgresSink
) -> None:
    failure: dict[str, Any] = {"attempt": "x", "computed_at": COMPUTED, "error": "no server"}
    sink.write(make_evaluation(monitor="fine", status=Status.OK))
    sink.record_error("fine", day(-5), **failure)
    sink.write(make_evaluation(monitor="late", status=Status.OK))
    sink.record_error("late", day(1), **failure)
    sink.record_error("again", DAY, **failure)
    sink.write(make_evaluation(monitor="again", status=Status.OK))
    sink.record_error("new", DAY, **failure)
    listed = text(browser.monitors({}, everybody))
    for name, is_failing in (("fine", False), ("late", True), ("again", False), ("new", True)):
        page = text(browser.monitor(name))
        assert ("run failed</span></h1>" in page) is is_failing, name
        assert "Executions that failed" in page
        row = listed.split(f'href="monitors/{name}"')[0].rpartition("<tr>")[2]
        assert ("run failed" in row) is is_failing, name


def test_an_error_within_a_span_stands_whatever_failed_after_it(
    browser: Browser, sink: PostgresSink
) -> None:
    failure: dict[str, Any] = {"computed_at": COMPUTED, "error": "no server"}
    sink.write(make_evaluation(monitor="late", window=day(-3), status=Status.OK))
    sink.record_error("late", day(-2), attempt="x", **failure)
    sink.record_error("new", day(-2), attempt="x", **failure)
    for query, expected in (
        ({"to": "2026-11-18"}, ["late", "new"]),
        ({"from": "2026-11-18", "to": "2026-11-18"}, ["late", "new"]),
        ({"to": "2026-11-17"}, []),
    ):
        for failed_outside in (False, True):
            if failed_outside:
                sink.record_error("late", day(0), attempt="y", **failure)
                sink.record_error("new", day(0), attempt="y", **failure)
            page = browser.monitors({**query, "status": "error"}, everybody)
            assert names(page) == expected, (query, failed_outside)


def test_a_monitor_that_never_succeeded_is_listed_with_its_error(
    browser: Browser, sink: PostgresSink
) -> None:
    sink.record_error("new", DAY, attempt="x", computed_at=COMPUTED, error="<b>no such file</b>")
    assert names(browser.monitors({}, everybody)) == ["new"]
    page = text(browser.monitor("new"))
    assert "never judged" in page
    assert "&lt;b&gt;no such file&lt;/b&gt;" in page


def test_lists_say_why_they_are_empty(browser: Browser) -> None:
    assert "No monitor has been evaluated yet" in text(browser.monitors({}, everybody))
    assert "No window has been judged yet" in text(browser.evaluations({}, everybody))


def test_monitors_are_paged(browser: Browser, sink: PostgresSink) -> None:
    expected = [f"m{number:02}" for number in range(53)]
    for monitor in expected:
        sink.write(make_evaluation(monitor=monitor, measurements=()))
    first = browser.monitors({}, everybody)
    second = browser.monitors(next_query(first), everybody)
    assert names(first) + names(second) == expected
    assert not next_query(second)
    assert "51\N{EN DASH}53 of 53 monitors" in text(second)
    assert names(browser.monitors({"page": "99"}, everybody)) == []


def test_windows_are_paged_newest_first_with_nothing_lost_or_doubled(
    browser: Browser, sink: PostgresSink
) -> None:
    windows = [day(-number) for number in range(25)]
    windows += [Window(w.start - timedelta(days=6), w.end) for w in windows[:10]]
    for monitor in ("a", "b", "c"):
        for window in windows:
            sink.write(make_evaluation(monitor=monitor, window=window, measurements=()))
    expected = sorted(
        ((monitor, window) for monitor in ("a", "b", "c") for window in windows),
        key=lambda key: (-key[1].end.timestamp(), key[0], key[1].start),
    )
    found: list[str] = []
    query: dict[str, str] = {}
    for _ in range(3):
        page = browser.evaluations(query, everybody)
        found += ends(page)
        query = next_query(page)
    assert not query
    assert found == [make_evaluation(monitor=m, window=w).id for m, w in expected]


def test_windows_are_filtered(browser: Browser, sink: PostgresSink) -> None:
    wine = make_evaluation(status=Status.FAILED, owner="Anna")
    beer = make_evaluation(
        monitor="beer", window=day(-1), model=ModelRef(name="Stout"), status=Status.OK
    )
    for evaluation in (wine, beer):
        sink.write(evaluation)
    for query, expected in (
        ({"q": "WINE"}, [wine]),
        ({"model": "stout"}, [beer]),
        ({"owner": "ann"}, [wine]),
        ({"status": "ok"}, [beer]),
        ({"from": "2026-11-20"}, [wine]),
        ({"to": "2026-11-19"}, [beer]),
        ({"from": "2026-11-19", "to": "2026-11-20"}, [wine, beer]),
        ({"q": "%"}, []),
        ({"q": "\0"}, []),
        ({"from": "never"}, [wine, beer]),
    ):
        assert ends(browser.evaluations(query, everybody)) == [e.id for e in expected], query
    assert ends(browser.evaluations({}, lambda _: {"beer"})) == [beer.id]


# --- one monitor ----------------------------------------------------------------------------------
def test_a_monitors_page_shows_what_failed_and_all_its_windows(
    browser: Browser, sink: PostgresSink
) -> None:
    for number in range(60):
        sink.write(
            make_evaluation(window=day(-number), status=Status.FAILED if number == 7 else Status.OK)
        )
    sink.write(make_evaluation(monitor="other"))
    first = browser.monitor("wine_quality")
    assert "wasserstein" in text(first)
    assert "jensenshannon" not in text(first)  # it was well
    assert 'href="https://mlflow.test/#/models/wine/versions/3"' in text(first)
    second = browser.monitor("wine_quality", next_query(first))
    assert len(ends(second)) == 11  # the newest stands in the head as well
    assert "Last 30 windows: 1 failed, 29 ok; the newest ok" in text(second)
    assert not next_query(second)
    failed = browser.monitor("wine_quality", {"status": "failed"})
    listed = text(failed).split("<h2>Windows</h2>")[1]
    assert "20261113T000000Z" in listed
    assert "20261112T000000Z" not in listed


def test_what_does_not_exist_is_not_found_and_not_repeated(browser: Browser) -> None:
    for page in (
        browser.monitor("zzz_unknown"),
        browser.monitor("<b>zzz"),
        browser.evaluation("zzz--20261120T000000Z--20261121T000000Z"),
        browser.evaluation("../zzz"),
        browser.report("../../zzz"),
        browser.report("zzz%2e%2e"),
        browser.report("/zzz\0"),
        browser.draft("zzz--20261120T000000Z--20261121T000000Z"),
        browser.draft_report("zzz--20261120T000000Z--20261121T000000Z"),
        browser.static("zzz"),
    ):
        assert "zzz" not in text(page, 404)


# --- one evaluation -------------------------------------------------------------------------------
ALL_STATUSES = tuple(
    Measurement(check="quality", metric=str(status), status=status, detail={"reason": "why"})
    for status in sorted(Status, key=str)
)


def test_measurements_come_failed_first_then_error_warning_and_what_lacks_data(
    browser: Browser, sink: PostgresSink, store: Path
) -> None:
    evaluation = make_evaluation(measurements=ALL_STATUSES)
    sink.write(evaluation)
    from_postgres = text(browser.evaluation(evaluation.id))
    expected = ["failed", "error", "warning", "insufficient_data", "ok", "skipped"]
    order = r'<td class="tight">quality</td><td class="tight">(\w+)</td>'
    assert re.findall(order, from_postgres) == expected
    ReportStore.open(drafts(str(store))).put(evaluation, None)
    assert re.findall(order, text(browser.draft(evaluation.id))) == expected


def test_measurements_are_narrowed_and_paged_alike_from_postgres_and_from_the_store(
    browser: Browser, sink: PostgresSink, store: Path
) -> None:
    measurements = [quality("mean", float(n), f"column_{n:03}") for n in range(150)]
    measurements += [drift("Größe", "ks", 0.01, 0.05, drifted=True)]
    measurements += [
        replace(measurements[-1], segment=f"region={name}") for name in ("north", "</td>")
    ]
    evaluation = make_evaluation(measurements=tuple(measurements))
    sink.write(evaluation)
    ReportStore.open(drafts(str(store))).put(evaluation, None)
    for query, count in (
        ({}, 100),
        ({"page": "2"}, 53),
        ({"page": "3"}, 0),
        ({"status": "attention"}, 3),
        ({"status": "warning", "segment": "whole window"}, 1),
        ({"segment": "region=</td>"}, 1),
        ({"segment": ""}, 100),
        ({"check": "drift"}, 3),
        ({"column": "GRÖSSE"}, 0),
        ({"column": "Grö"}, 3),
        ({"column": "column_00"}, 10),
        ({"column": "\ud800\0"}, 0),
        ({"status": "?", "page": "x"}, 100),
    ):
        rows = [
            re.findall(r'<tr><td><span class="badge.*?</tr>', text(show(evaluation.id, query)))
            for show in (browser.evaluation, browser.draft)
        ]
        assert len(rows[0]) == count, query
        assert rows[0] == [row.replace('"../drafts/', '"../evaluations/') for row in rows[1]], query
    page = text(browser.evaluation(evaluation.id))
    assert "1\N{EN DASH}100 of 153" in page
    assert "region=&lt;/td&gt;" in page
    assert "≤ 0.05" in page
    assert "500 vs 900" in page


def test_missing_data_are_told_by_reason_alike_from_postgres_and_from_the_store(
    browser: Browser, sink: PostgresSink, store: Path
) -> None:
    late = [
        Measurement(check=check, metric=f"m{n}", status=Status.INSUFFICIENT_DATA, detail=detail)
        for check, count, detail in (
            ("performance", 15, {"reason": "<no labels yet>"}),
            ("drift", 2, {}),
            ("quality", 2, {"reason": None}),
        )
        for n in range(count)
    ]
    evaluation = make_evaluation(measurements=tuple(late), status=Status.OK, dag_run=RUN)
    draft = replace(evaluation, dag_run=LATER)
    sink.write(evaluation)
    ReportStore.open(drafts(str(store))).put(draft, None)
    pages = [run_page(browser), run_page(browser, LATER), text(browser.monitor("wine_quality"))]
    for page in pages:
        assert re.findall(r"[0-9]+ measurements of [^<]*", page) == [
            "15 measurements of performance lack data: &lt;no labels yet&gt;",
            "2 measurements of drift lack data",
            "2 measurements of quality lack data",
        ]


def test_evaluation_that_only_the_store_holds_says_so(browser: Browser, store: Path) -> None:
    evaluation = ReportStore.open(str(store)).put(make_evaluation(), REPORT)
    assert "but not in Postgres" in text(browser.evaluation(evaluation.id))


def test_report_is_served_by_id_in_a_sandbox(browser: Browser, store: Path) -> None:
    own = ReportStore.open(str(store))
    evaluation = own.put(make_evaluation(), REPORT)
    bare = own.put(make_evaluation(window=day(1)), None)
    page = browser.report(evaluation.id)
    assert text(page) == REPORT
    assert page.headers["Content-Security-Policy"].startswith("sandbox allow-scripts;")
    view = text(browser.evaluation(evaluation.id, {"view": "report"}))
    assert f'src="../evaluations/{evaluation.id}/report"' in view
    text(browser.report(bare.id), 404)
    assert "has no report" in text(browser.evaluation(bare.id, {"view": "report"}))
    text(browser.draft_report(evaluation.id), 404)


def test_f60_link_that_leads_out_of_the_store_is_not_followed(
    browser: Browser, store: Path, tmp_path: Path
) -> None:
    evaluation = ReportStore.open(str(tmp_path / "secret")).put(make_evaluation(), REPORT)
    (store / "wine_quality").symlink_to(tmp_path / "secret" / "wine_quality")
    for page in (browser.report(evaluation.id), browser.evaluation(evaluation.id)):
        assert "secret" not in text(page, 404)


# --- a Dag run ------------------------------------------------------------------------------------
def run_page(browser: Browser, run: DagRunRef = RUN) -> str:
    return text(browser.dag_run(run.dag_id, run.run_id))


def test_run_shows_its_verdict_what_failed_and_the_report(
    browser: Browser, sink: PostgresSink, store: Path
) -> None:
    evaluation = ReportStore.open(str(store)).put(make_evaluation(dag_run=RUN), REPORT)
    sink.write(evaluation)
    page = run_page(browser)
    assert "wasserstein" in page
    assert "jensenshannon" not in page
    assert f'src="evaluations/{evaluation.id}/report"' in page


def test_run_that_failed_shows_its_error(browser: Browser, sink: PostgresSink) -> None:
    sink.write(make_evaluation(dag_run=LATER))
    sink.record_error(
        "wine_quality", DAY, attempt="x", computed_at=COMPUTED, error="<i>gone</i>", dag_run=RUN
    )
    page = run_page(browser)
    assert "This run failed" in page
    assert "&lt;i&gt;gone&lt;/i&gt;" in page
    assert "manual__later" in page  # what is known of the window now


def test_run_whose_result_was_replaced_links_the_run_that_did(
    browser: Browser, sink: PostgresSink
) -> None:
    sink.write(make_evaluation(dag_run=RUN))
    again: dict[str, Any] = {"attempt": "second", "computed_at": COMPUTED + timedelta(hours=1)}
    sink.write(make_evaluation(dag_run=LATER, **again))
    page = run_page(browser)
    assert "The result was replaced" in page
    assert 'href="/dags/monitor__wine_quality/runs/manual__later" data-leave="airflow"' in page
    assert "second" not in run_page(browser, LATER)
    assert "The result was replaced" not in run_page(browser, LATER)


def test_run_that_published_nothing_shows_its_draft(browser: Browser, store: Path) -> None:
    own = ReportStore.open(drafts(str(store)))
    evaluations = [
        own.put(make_evaluation(window=day(n), dag_run=replace(RUN, run_id=f"m{n}")), REPORT)
        for n in range(3)
    ]
    page = run_page(browser, replace(RUN, run_id="m1"))
    assert "A draft" in page
    assert f'src="drafts/{evaluations[1].id}/report"' in page
    assert "judged no window" in run_page(browser, replace(RUN, run_id="m9"))


def test_run_of_several_windows_lists_them(browser: Browser, sink: PostgresSink) -> None:
    for number in range(3):
        sink.write(make_evaluation(window=day(-number), dag_run=RUN))
    sink.record_error(
        "wine_quality", day(-3), attempt="x", computed_at=COMPUTED, error="gone", dag_run=RUN
    )
    page = run_page(browser)
    assert "4 windows" in page
    assert page.count("judged<") == 3


def test_run_says_what_will_be_there(browser: Browser) -> None:
    assert "once the tasks evaluate and write_postgres are done" in run_page(browser)
    assert "evaluates no monitor" in text(browser.dag_run("other", "x"))
    assert "judged no window" in text(browser.dag_run("monitor__x", "\0\ud800"))
    assert "judged no window" in text(browser.dag_run("monitor__../x", "y"))


def test_run_of_one_dag_never_shows_another_dags_monitor(
    browser: Browser, sink: PostgresSink
) -> None:
    sink.write(make_evaluation(monitor="secret", dag_run=RUN))
    page = run_page(browser)
    assert "secret" not in page
    assert "judged no window" in page


# --- what is not there ----------------------------------------------------------------------------
def test_f61_what_cannot_be_read_is_raised(reader_url: str, store: Path) -> None:
    links = Links()
    nowhere = Settings(
        reader_url=SecretStr("postgresql://reader@127.0.0.1:9/none"), report_store=str(store)
    )
    with pytest.raises(DatabaseUnavailable):
        Browser(nowhere, links).monitors({}, everybody)
    with pytest.raises(InvalidSettings):
        Browser(Settings(report_store=str(store)), links).monitors({}, everybody)
    unmounted = Settings(reader_url=SecretStr(reader_url), report_store=str(store / "gone"))
    with pytest.raises(StoreUnavailable):
        Browser(unmounted, links).report(make_evaluation().id)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER VIEW monitoring.evaluations RENAME COLUMN dag_id TO x",
        "DROP VIEW monitoring.evaluations CASCADE",
        "DROP SCHEMA monitoring CASCADE",
    ],
)
def test_f61_schema_of_another_revision_is_told_with_its_cure(
    database_url: str, browser: Browser, change: str
) -> None:
    rows_of(database_url, change)
    with pytest.raises(SchemaMismatch, match="run monitoring-jobs migrate"):
        browser.evaluations({}, everybody)


def ask_a_frozen_server(reader_url: str) -> None:
    """Stop the process behind a connection, and ask it something."""
    from monitoring_jobs.database import reading

    process = 0
    try:
        with reading(reader_url, deadline_seconds=1) as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            row = cursor.fetchone()
            assert row is not None
            process = row[0]
            os.kill(process, signal.SIGSTOP)
            cursor.execute("SELECT 1")
    finally:
        if process:
            os.kill(process, signal.SIGCONT)


def test_f61_a_server_that_is_frozen_is_given_up(reader_url: str) -> None:
    with pytest.raises(DatabaseUnavailable):
        ask_a_frozen_server(reader_url)


def open_now() -> tuple[int, int]:
    """Return how many descriptors and threads this process has."""
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()


def test_a_reading_leaves_no_descriptor_and_no_thread(reader_url: str) -> None:
    from monitoring_jobs.database import reading

    before = open_now()
    for _ in range(5):
        with reading(reader_url) as cursor:
            cursor.execute("SELECT 1")
    assert open_now() == before


def test_the_reader_can_change_nothing(reader_url: str) -> None:
    from monitoring_jobs.database import reading
    from monitoring_jobs.errors import DatabaseRefused

    with (
        pytest.raises(DatabaseRefused),
        reading(reader_url) as cursor,
    ):
        cursor.execute("CREATE TEMPORARY TABLE mine (a int)")


def test_a_page_sees_one_moment(reader_url: str, sink: PostgresSink) -> None:
    from monitoring_jobs.browser import queries
    from monitoring_jobs.database import reading

    evaluation: Evaluation = make_evaluation()
    with reading(reader_url) as cursor:
        assert queries.evaluation(cursor, evaluation.monitor, DAY) is None
        sink.write(evaluation)
        assert queries.evaluation(cursor, evaluation.monitor, DAY) is None
