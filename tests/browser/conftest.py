"""Debian's Chromium before a running Airflow; tests/browser/output has a picture of each step."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.airflow_ui import PAGE_MILLISECONDS, STILL, VIEW, AirflowUi, Complaints
from tests.fixtures.airflow_stack import AirflowStack
from tests.fixtures.chromium import running_chromium

FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


# Of a module, not of the session: while Playwright is open no other test can start an event loop.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=PAGE_MILLISECONDS)
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def logged_in(chromium: Browser, airflow_stack: AirflowStack) -> Iterator[BrowserContext]:
    """A browser in which somebody has logged in; its cache makes all but the first page fast."""
    context = _still(chromium)
    ui = AirflowUi(context.new_page(), airflow_stack.airflow)
    ui.goto("/")
    ui.log_in(airflow_stack.user, airflow_stack.password)
    ui.page.get_by_role("link", name="Dags", exact=True).first.wait_for()
    ui.page.close()
    yield context
    context.close()


@pytest.fixture
def stranger(
    chromium: Browser, airflow_stack: AirflowStack, request: pytest.FixtureRequest
) -> Iterator[AirflowUi]:
    """Airflow as somebody sees it who has not logged in."""
    context = _still(chromium)
    yield from _seen(context, airflow_stack, request)
    context.close()


@pytest.fixture
def ui(
    logged_in: BrowserContext, airflow_stack: AirflowStack, request: pytest.FixtureRequest
) -> Iterator[AirflowUi]:
    """Airflow as its administrator sees it; at the end nothing of ours may have gone wrong."""
    yield from _seen(logged_in, airflow_stack, request)


def _still(chromium: Browser) -> BrowserContext:
    context = chromium.new_context(**VIEW)
    context.set_default_timeout(PAGE_MILLISECONDS)
    context.add_init_script(STILL)
    return context


def _seen(
    context: BrowserContext, stack: AirflowStack, request: pytest.FixtureRequest
) -> Iterator[AirflowUi]:
    page = context.new_page()
    complaints = Complaints()
    page.on("console", complaints.note)
    page.on("pageerror", complaints.note_error)
    ui = AirflowUi(page, stack.airflow)
    yield ui
    if request.node.stash.get(FAILED, default=False):
        ui.shot(f"failed-{request.node.name}")
    ui.forget()
    page.close()
    assert complaints.texts == []
