"""Headers of every answer, and the files that pages load."""

from __future__ import annotations

import re

import pytest

from monitoring_jobs.browser import Page, error_page
from monitoring_jobs.browser.page import report, static
from tests.unit.browser.pages import Parsed, pages_about

EVERYTHING = [*pages_about(name="wine", text="x"), ("error", error_page(503, "Down", "Later."))]


@pytest.mark.parametrize(
    "page", [page for _, page in EVERYTHING], ids=[title for title, _ in EVERYTHING]
)
def test_pages_may_load_nothing_but_their_own(page: Page) -> None:
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'self'" in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "private, no-store"
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"


def test_f57_reports_are_sandboxed() -> None:
    policy = report("<p>").headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-scripts;")
    assert "allow-same-origin" not in policy
    assert "connect-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy


def test_files_are_served_by_name_and_nothing_else() -> None:
    assert static("style.css").headers["Content-Type"].startswith("text/css")
    assert static("page.js").headers["Content-Type"].startswith("text/javascript")
    for name in ("../page.py", "page.py", "", "style.css/", "STYLE.CSS", "\0"):
        missing = static(name)
        assert missing.status == 404
        assert name == "" or name not in str(missing.body)


def test_pages_name_the_content_of_what_they_load() -> None:
    [page] = [page for title, page in EVERYTHING if title == "monitor"]
    assert re.search(r'href="\.\./static/style\.css\?v=[0-9a-f]{12}"', str(page.body))
    assert re.search(r'src="\.\./static/page\.js\?v=[0-9a-f]{12}"', str(page.body))


def test_an_error_page_needs_nothing_around_it() -> None:
    page = error_page(503, "Not available", "Try again <later>.")
    found = Parsed(page)
    assert page.status == 503
    assert not {"link", "script", "nav"} & set(found.tags)
    assert "Try again <later>." in found.text


def test_scripts_and_styles_load_nothing_from_a_network() -> None:
    for name in ("style.css", "page.js"):
        body = static(name).body
        assert isinstance(body, bytes)
        text = body.decode()
        assert not re.search(r"https?://|@import|url\(|eval\(|innerHTML", text)
