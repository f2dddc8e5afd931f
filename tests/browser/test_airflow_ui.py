"""The way of a person through Airflow's UI, from the login to the report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, FrameLocator, Locator, expect

from tests.browser.airflow_ui import RUN_MILLISECONDS, AirflowUi
from tests.browser.stack_facts import DAY, day_of, id_of_day, judged, newest_gauges
from tests.fixtures.airflow_stack import AirflowStack

WINE, DIABETES = "wine_quality", "diabetes_progression"
WINE_DAG = f"monitor__{WINE}"
DASH = "\N{EN DASH}"
# Airflow looks for new files every few seconds, and the file that makes the Dags is parsed then.
PARSED_MILLISECONDS = 60_000
LISTED_MILLISECONDS = 150_000


def test_a_wrong_password_stays_out(stranger: AirflowUi, airflow_stack: AirflowStack) -> None:
    stranger.goto("/dags")
    stranger.log_in(airflow_stack.user, "not the password")
    expect(stranger.page.get_by_text("Invalid credentials")).to_be_visible()
    stranger.shot("login-refused")
    stranger.goto("/dags")
    expect(stranger.page.get_by_role("button", name="Sign in")).to_be_visible()


def test_the_generated_password_leads_to_the_dags(
    stranger: AirflowUi, airflow_stack: AirflowStack
) -> None:
    stranger.goto("/dags")
    expect(stranger.page.get_by_role("heading", name="Sign into Airflow")).to_be_visible()
    stranger.shot("login")
    stranger.log_in(airflow_stack.user, airflow_stack.password)
    monitor = stranger.page.get_by_role("link", name=f"Monitor {WINE}", exact=True)
    expect(monitor).to_be_visible()


def test_the_list_of_dags_names_monitors_models_and_owners(ui: AirflowUi) -> None:
    ui.goto("/dags")
    for name in ("Extract MLflow runs", "Maintain the stores", f"Monitor {DIABETES}"):
        expect(ui.page.get_by_role("link", name=name, exact=True)).to_be_visible()
    expect(ui.page.get_by_role("link", name=f"model:{WINE}").first).to_be_visible()
    expect(ui.page.get_by_role("link", name="owner:demo@example.com").first).to_be_visible()
    ui.shot("dags")
    ui.page.get_by_role("link", name=f"model:{WINE}").first.click()
    expect(ui.page.get_by_role("link", name=f"Monitor {WINE}", exact=True)).to_be_visible()
    expect(ui.page.get_by_role("link", name=f"Monitor {DIABETES}", exact=True)).to_be_hidden()


@pytest.fixture
def broken_file(airflow_stack: AirflowStack) -> Iterator[str]:
    """A monitor file with a misspelt key, laid beside the others."""
    file = airflow_stack.home.monitors / "house_prices.yaml"
    file.write_text(
        "name: house_prices\ndata: {source: parquet, path: prices/*.parquet}\nrefrence: {}\n"
    )
    yield file.name
    file.unlink()


def test_a_broken_monitor_file_shows_as_a_dag_that_says_what_is_wrong(
    ui: AirflowUi, broken_file: str
) -> None:
    ui.goto("/dags?tags=broken")
    placeholder = ui.page.get_by_role("link", name=f"Monitor file {broken_file} (broken)")
    ui.wait_for(placeholder, PARSED_MILLISECONDS)
    ui.shot("broken-in-list")
    placeholder.click()
    ui.page.get_by_role("button", name="Dag Docs").click()
    docs = ui.page.get_by_role("dialog")
    expect(docs).to_contain_text("This monitor file cannot be used")
    lines = docs.inner_text().splitlines()
    assert any(line.endswith(f"{broken_file}:1: reference: is missing; add it") for line in lines)
    cure = f"{broken_file}:3: refrence: unknown key; did you mean 'reference'?"
    assert any(line.endswith(cure) for line in lines), "each problem has a line of its own"
    ui.shot("broken")


# --- what a Dag tells of its monitor --------------------------------------------------------------
def test_a_dag_tells_what_its_monitor_checks_and_where_to_look(ui: AirflowUi) -> None:
    ui.goto(f"/dags/{WINE_DAG}")
    expect(ui.page.get_by_role("link", name="demo@example.com").first).to_be_visible()
    ui.page.get_by_role("button", name="Dag Docs").click()
    docs = ui.page.get_by_role("dialog")
    for text in ("Grades of wine", "demo@example.com", "champion", "wasserstein", "accuracy"):
        expect(docs).to_contain_text(text)
    docs.get_by_role("table").nth(1).evaluate("table => table.scrollIntoView()")
    ui.shot("dag-docs")
    pages = docs.get_by_role("link", name="Windows of this monitor")
    pages.scroll_into_view_if_needed()
    ui.shot("dag-docs-links")
    with ui.page.context.expect_page() as opened:
        pages.click()
    monitor = AirflowUi(opened.value, ui.url)
    expect(monitor.frame.get_by_role("heading", name=f"{WINE} failed")).to_be_visible()
    monitor.page.close()
    with ui.page.context.expect_page() as opened:
        docs.get_by_role("link", name="Latest report").click()
    _expect_drawn(AirflowUi(opened.value, ui.url).frame.frame_locator("iframe"))
    opened.value.close()


def test_the_graph_reads_evaluate_then_write_then_push(ui: AirflowUi) -> None:
    ui.goto(f"/dags/{WINE_DAG}")
    ui.page.get_by_role("button", name=re.compile("^Show Graph")).click()
    places = []
    for task in ("evaluate", "write_postgres", "push_metrics"):
        node = ui.page.get_by_test_id(f"rf__node-{task}")
        expect(node).to_be_visible()
        places.append((node.bounding_box() or {})["x"])
    assert places == sorted(places)
    ui.shot("graph")


# --- the trigger form -----------------------------------------------------------------------------
@dataclass(frozen=True)
class Triggered:
    """A run that somebody has started through the form, over two days."""

    path: str
    window: str
    evaluation: str


@pytest.fixture(scope="module")
def triggered(logged_in: BrowserContext, airflow_stack: AirflowStack) -> Triggered:
    ui = AirflowUi(logged_in.new_page(), airflow_stack.airflow)
    start, end = day_of(airflow_stack, 2), day_of(airflow_stack, 4)
    form = ui.open_form(WINE_DAG)
    window = ui.open_section(form, "Window")
    ui.pick(window, "Start", start)
    ui.pick(window, "End", end)
    ui.shot("form")
    ui.choose(form, "Report", "always")
    path = ui.trigger(form)
    ui.expect_state("Success")
    ui.shot("run")
    ui.page.close()
    stamps = f"{start:%Y%m%dT%H%M%SZ}--{end:%Y%m%dT%H%M%SZ}"
    return Triggered(
        path=path,
        window=f"{start:%Y-%m-%d} {DASH} {end - DAY:%Y-%m-%d}",
        evaluation=f"{WINE}--{stamps}",
    )


def test_a_window_of_the_form_is_judged_and_its_log_names_it_first(
    ui: AirflowUi, triggered: Triggered, airflow_stack: AirflowStack
) -> None:
    assert triggered.evaluation in judged(airflow_stack, WINE)
    ui.goto(f"{triggered.path}/tasks/evaluate")
    start, end = day_of(airflow_stack, 2), day_of(airflow_stack, 4)
    first = f"window {start:%Y-%m-%d}T00:00:00Z/{end:%Y-%m-%d}T00:00:00Z of monitor {WINE}"
    lines = ui.page.get_by_role("code").filter(has_text=re.compile("^(window|evaluating) "))
    expect(lines.first).to_have_text(first)
    ui.shot("log")


def test_a_form_with_one_end_fails_at_once_and_says_why(
    ui: AirflowUi, airflow_stack: AirflowStack
) -> None:
    form = ui.open_form(WINE_DAG)
    ui.pick(ui.open_section(form, "Window"), "End", day_of(airflow_stack, 1))
    path = ui.trigger(form)
    ui.expect_state("Failed")
    ui.goto(f"{path}/tasks/evaluate")
    told = "param start: is empty, and end is not; give both, or none for the run's own period"
    lines = ui.page.get_by_role("code").filter(has_text=re.compile("^(param|Task failed) "))
    expect(lines.first).to_have_text(told)
    ui.shot("form-refused")
    ui.open_tab("Report")
    expect(ui.frame.get_by_text("If it has failed, the log of")).to_be_visible()


def test_a_draft_leaves_the_published_window_alone(
    ui: AirflowUi, airflow_stack: AirflowStack
) -> None:
    day = day_of(airflow_stack, 1)
    official = id_of_day(WINE, day)
    before = judged(airflow_stack, WINE)[official]
    form = ui.open_form(WINE_DAG)
    window = ui.open_section(form, "Window")
    ui.pick(window, "Start", day)
    ui.pick(window, "End", day + DAY)
    ui.choose(form, "Report", "never")
    publish = ui.open_section(form, "Publish")
    publish.get_by_text("Publish the result").click()
    expect(publish.get_by_role("checkbox")).not_to_be_checked()
    ui.shot("form-draft")
    path = ui.trigger(form)
    ui.expect_state("Success")
    assert judged(airflow_stack, WINE)[official] == before
    ui.goto(f"{path}/tasks/evaluate/details")
    _extra_link(ui).click()
    expect(ui.frame.get_by_text("A draft: its Dag run was told not to publish")).to_be_visible()
    ui.shot("draft")


# --- the report -----------------------------------------------------------------------------------
def test_the_report_is_a_tab_of_its_run(ui: AirflowUi, triggered: Triggered) -> None:
    ui.goto(triggered.path)
    ui.open_tab("Report")
    _expect_verdict(ui, triggered)
    _expect_drawn(ui.frame.frame_locator("iframe"))
    ui.shot("report-of-run")


def test_the_report_is_a_tab_of_its_task(ui: AirflowUi, triggered: Triggered) -> None:
    ui.goto(f"{triggered.path}/tasks/evaluate")
    ui.open_tab("Report")
    _expect_verdict(ui, triggered)
    report = ui.frame.frame_locator("iframe")
    _expect_drawn(report)
    report.get_by_text("Data Drift Summary").evaluate("element => element.scrollIntoView()")
    ui.shot("report-of-task")


def test_the_report_is_a_button_of_its_task(ui: AirflowUi, triggered: Triggered) -> None:
    ui.goto(f"{triggered.path}/tasks/evaluate/details")
    expect(ui.page.get_by_role("heading", name="Extra Links")).to_be_visible()
    ui.shot("extra-link")
    _extra_link(ui).click()
    _expect_verdict(ui, triggered)
    assert triggered.evaluation in ui.page.url
    ui.frame.get_by_role("link", name="Report", exact=True).click()
    _expect_drawn(ui.frame.frame_locator("iframe"))


def test_the_navigation_leads_to_monitors_windows_and_reports(
    ui: AirflowUi, triggered: Triggered
) -> None:
    ui.goto("/")
    ui.page.get_by_role("link", name="Monitoring", exact=True).click()
    expect(ui.frame.get_by_role("heading", name="Monitors", exact=True)).to_be_visible()
    expect(ui.frame.get_by_role("row").filter(has_text=DIABETES)).to_be_visible()
    ui.shot("monitors")
    ui.frame.get_by_role("link", name=WINE, exact=True).click()
    expect(ui.frame.get_by_role("heading", name=f"{WINE} failed")).to_be_visible()
    ui.shot("monitor")
    ui.frame.get_by_role("link", name=triggered.window, exact=True).first.click()
    _expect_verdict(ui, triggered)
    first = (
        ui.frame.get_by_role("table", name=re.compile("^Measurements")).get_by_role("row").nth(1)
    )
    expect(first).to_contain_text("failed")
    ui.shot("evaluation")
    ui.frame.get_by_role("link", name="Report", exact=True).click()
    _expect_drawn(ui.frame.frame_locator("iframe"))
    ui.shot("report")
    # Airflow's address follows the frame, so that what is seen can be sent to somebody.
    assert triggered.evaluation in ui.page.url
    ui.page.reload()
    _expect_drawn(ui.frame.frame_locator("iframe"))


def test_links_lead_out_of_the_frame(ui: AirflowUi, triggered: Triggered) -> None:
    ui.goto(f"/plugin/monitoring/monitoring/evaluations/{triggered.evaluation}")
    ui.frame.get_by_role("link", name="Dag run").first.click()
    ui.page.wait_for_url(f"**{quote(triggered.path, safe='/%')}*")
    ui.expect_state("Success")
    ui.open_tab("Report")
    ui.frame.get_by_role("link", name="All measurements").click()
    ui.page.wait_for_url(f"**/plugin/monitoring/monitoring/evaluations/{triggered.evaluation}")
    with ui.page.context.expect_page() as opened:
        ui.frame.get_by_role("link", name="MLflow").click()
    expect(opened.value.get_by_text(WINE).first).to_be_visible()
    opened.value.close()


def test_lists_are_narrowed_and_paged_by_keyboard(
    ui: AirflowUi, airflow_stack: AirflowStack
) -> None:
    ui.goto("/plugin/monitoring")
    expect(ui.frame.get_by_role("link", name=WINE, exact=True)).to_be_visible()
    skip = ui.frame.get_by_role("link", name="Skip to content")
    skip.focus()
    expect(skip).to_be_in_viewport()
    ui.page.keyboard.press("Enter")
    _tab_to(ui, ui.frame.get_by_role("searchbox", name="Monitor"))
    ui.page.keyboard.type("diab")
    ui.page.keyboard.press("Enter")
    expect(ui.frame.get_by_role("link", name=WINE, exact=True)).to_be_hidden()
    expect(ui.frame.get_by_role("link", name=DIABETES, exact=True)).to_be_visible()
    ui.shot("monitors-narrowed")
    newest = id_of_day(WINE, day_of(airflow_stack, 6))
    ui.goto(f"/plugin/monitoring/monitoring/evaluations/{newest}")
    onward = ui.frame.get_by_role("link", name="Next")
    onward.focus()
    ui.page.keyboard.press("Enter")
    expect(ui.frame.get_by_text(re.compile(f"^101{DASH}200 of"))).to_be_visible()
    ui.frame.get_by_role("link", name="Previous").focus()
    ui.page.keyboard.press("Enter")
    expect(ui.frame.get_by_text(re.compile(f"^1{DASH}100 of"))).to_be_visible()


def test_pages_follow_airflows_light_and_dark(ui: AirflowUi) -> None:
    ui.goto("/plugin/monitoring")
    body = ui.frame.locator("body")
    expect(ui.frame.get_by_role("link", name=WINE, exact=True)).to_be_visible()
    expect(body).to_have_css("background-color", "rgb(255, 255, 255)")
    ui.choose_theme("Dark Mode")
    expect(body).to_have_css("background-color", "rgb(0, 0, 0)")
    ui.shot("monitors-dark")
    ui.choose_theme("Light Mode")
    expect(body).to_have_css("background-color", "rgb(255, 255, 255)")


# --- backfills and assets -------------------------------------------------------------------------
def test_a_backfill_replaces_windows_and_leaves_the_gauges_of_today(
    ui: AirflowUi, airflow_stack: AirflowStack
) -> None:
    first, last = day_of(airflow_stack, -1), day_of(airflow_stack, 0)
    new, known = id_of_day(WINE, first), id_of_day(WINE, last)
    before, gauges = judged(airflow_stack, WINE), newest_gauges(airflow_stack, WINE)
    assert gauges
    form = ui.open_form(WINE_DAG)
    form.get_by_text("Run this Dag for a range of dates").click()
    ui.pick(form, "From", first)
    ui.pick(form, "To", last)
    form.get_by_text("All Runs", exact=True).click()
    form.get_by_role("spinbutton").fill("2")
    ui.shot("backfill-form")
    ui.choose(form, "Report", "never")
    form.get_by_role("button", name="Run Backfill").click()
    expect(form).to_be_hidden()
    ui.goto(f"/dags/{WINE_DAG}/runs?run_type=backfill")
    done = ui.page.get_by_role("row").filter(has_text="Success")
    expect(done).to_have_count(2, timeout=RUN_MILLISECONDS)
    ui.shot("backfill")
    after = judged(airflow_stack, WINE)
    assert after[new].run_id.startswith("backfill__")
    assert after[known].attempt != before[known].attempt
    assert len(after) == len(before | {new: None})
    assert newest_gauges(airflow_stack, WINE) == gauges


def test_an_asset_tells_of_each_judged_window(
    ui: AirflowUi, triggered: Triggered, airflow_stack: AirflowStack
) -> None:
    ui.goto("/assets")
    # The scheduler looks once a minute which assets that came by an alias are to be listed.
    alerts = ui.page.get_by_role("link", name=f"x-monitoring://{WINE}/alert")
    ui.wait_for(alerts, LISTED_MILLISECONDS)
    ui.shot("assets")
    ui.page.get_by_role("link", name=f"x-monitoring://{WINE}", exact=True).click()
    ui.page.get_by_role("link", name=WINE_DAG).first.wait_for()
    extra = ui.page.locator(".monaco-editor").first
    extra.hover()
    extra.locator(".codicon-folding-collapsed").click()
    expect(extra).to_contain_text("first_drifted")
    ui.shot("asset")
    events = airflow_stack.call(f"/api/v2/assets/events?name_pattern=x-monitoring://{WINE}")
    extras = [event["extra"] for event in events["asset_events"]]
    ours = next(extra for extra in extras if extra.get("evaluation") == triggered.evaluation)
    assert ours["status"] == "failed"
    assert ours["first_drifted"] == ["region"]


def _extra_link(ui: AirflowUi) -> Locator:
    """Return the button Report of a task; a tab beside it has the same name."""
    return ui.page.locator("a[href^='/plugin/']").get_by_text("Report", exact=True)


def _expect_verdict(ui: AirflowUi, triggered: Triggered) -> None:
    heading = f"{WINE}, {triggered.window} failed"
    expect(ui.frame.get_by_role("heading", name=heading)).to_be_visible()


def _expect_drawn(report: FrameLocator) -> None:
    """See that the report's script has run in its sandbox: texts, and a diagram that it drew."""
    expect(report.get_by_role("heading", name=re.compile("Dataset Drift is"))).to_be_visible()
    expect(report.locator("svg.main-svg, .js-plotly-plot svg, canvas").first).to_be_attached()


def _tab_to(ui: AirflowUi, wanted: Locator) -> None:
    for _ in range(20):
        ui.page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    expect(wanted).to_be_focused()
