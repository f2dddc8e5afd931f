"""Pages stay what they are, whatever the names and texts in them; and are fit for a keyboard."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.browser.pages import Parsed, pages_about

ORDINARY = dict(pages_about(name="wine", text="ordinary"))
PAGES = sorted(ORDINARY)
# Attributes of pages that other values make: what was cut off, and an option that is chosen.
KNOWN = {name for page in ORDINARY.values() for _, name in Parsed(page).attributes} | {
    "role",
    "selected",
    "title",
}
ATTACKS = (
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "<!-- -->]]>&lt;script&gt;",
    "\0\ud800\u202e\u2028\r\n\x1b[31m",
    "//evil.test/%2e%2e/..\\..",
    "{{7*7}}${7*7}%s{0}",
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_f57_no_element_attribute_or_foreign_link_comes_from_data(attack: str) -> None:
    for title, page in pages_about(name=attack, text=attack):
        check(title, Parsed(page))


@settings(max_examples=60)
@given(name=st.text(st.characters(), max_size=60), text=st.text(st.characters(), max_size=60))
@example(name="a", text="<svg/onload=alert(1)>")
def test_f57_any_text_is_text(name: str, text: str) -> None:
    for title, page in pages_about(name=name, text=text):
        check(title, Parsed(page))


def test_f57_names_of_ten_thousand_characters_are_cut_and_never_doubled() -> None:
    for title, page in pages_about(name="<" * 10_000, text="<b>" * 5_000):
        found = Parsed(page)
        check(title, found)
        assert "<" * 2000 not in found.text, title


def check(title: str, found: Parsed) -> None:
    usual = Parsed(ORDINARY[title])
    assert not found.unclosed
    assert set(found.tags) <= set(usual.tags) | {"p", "span"}, title
    assert {name for _, name in found.attributes} <= KNOWN, title
    assert found.tags.count("script") == 1
    assert not re.search("[\0\ud800-\udfff\u202e]", found.text)
    for link in found.links:
        parts = urlsplit(link)
        assert parts.scheme in ("", "http", "https"), link
        assert parts.netloc in ("", "mlflow.test", "grafana.test"), link
        assert not link.startswith("//")


@pytest.mark.parametrize("title", PAGES)
def test_pages_carry_no_inline_script_or_style(title: str) -> None:
    found = Parsed(ORDINARY[title])
    names = {name for _, name in found.attributes}
    assert "style" not in names | set(found.tags)
    assert not [name for name in names if name.startswith("on")]
    assert ("script", "src") in found.attributes


@pytest.mark.parametrize("title", PAGES)
def test_pages_are_fit_for_keyboards_and_screen_readers(title: str) -> None:
    body = str(ORDINARY[title].body)
    found = Parsed(ORDINARY[title])
    assert '<html lang="en">' in body
    assert re.search(r"<title>[^<]+ · Monitoring</title>", body)
    assert '<a href="#content" class="skip">' in body
    assert 'id="content"' in body
    assert found.tags.count("h1") == found.tags.count("main") == 1
    assert found.tags.count("caption") == found.tags.count("table")
    assert found.tags.count("th") == found.attributes.count(("th", "scope"))
    assert len(re.findall(r"<a ", body)) == found.attributes.count(("a", "href"))
    labelled = body.count("<label>") + body.count('type="hidden"')
    assert labelled == len(re.findall(r"<(?:input|select) ", body))


def test_statuses_are_told_by_a_symbol_and_a_word() -> None:
    body = str(ORDINARY["monitors"].body)
    assert '<span aria-hidden="true">✕</span> failed' in body
    assert 'aria-label="Last 1 windows: 1 failed; the newest failed"' in body


def test_links_out_of_the_frame_say_so() -> None:
    body = str(ORDINARY["monitor"].body)
    assert 'href="/dags/monitor__wine" data-leave="airflow"' in body
    assert re.search(r'href="https://grafana\.test/[^"]*"[^>]*data-leave="outside"', body)


def test_tab_of_a_run_leads_to_the_pages_in_airflows_frame() -> None:
    body = str(ORDINARY["tab"].body)
    assert 'href="/plugin/monitoring/monitoring/monitors/wine" data-leave="airflow"' in body
    assert 'src="evaluations/wine--20261120T000000Z--20261121T000000Z/report"' in body
    assert 'sandbox="allow-scripts"' in body
    assert '<nav aria-label="Monitoring"' not in body


@pytest.mark.parametrize("title", PAGES)
def test_pages_say_once_that_times_are_utc(title: str) -> None:
    text = Parsed(ORDINARY[title]).text
    assert text.count("UTC") - text.count("(UTC)") == 1


@pytest.mark.parametrize("title", ["monitors", "evaluations", "monitor"])
def test_dates_of_a_filter_say_what_they_are_compared_with(title: str) -> None:
    body = str(ORDINARY[title].body)
    assert '<label><span>Ends from (UTC)</span><input type="date" name="from"' in body
    assert '<label><span>Ends by (UTC)</span><input type="date" name="to"' in body


def test_a_monitor_whose_newest_run_failed_says_so_before_all_else() -> None:
    body = str(ORDINARY["monitor"].body)
    assert re.search(r"<h1>wine .*failed</span>.*run failed</span></h1>", body)
    assert body.index("Executions that failed") < body.index("<h2>Trend")


def test_segments_of_a_monitors_newest_window_lead_to_its_measurements() -> None:
    body = str(ORDINARY["monitor"].body)
    address = r"\.\./evaluations/wine--[^?]*\?segment=s%3Dordinary"
    assert re.search(rf'href="{address}">s=ordinary</a>', body)
