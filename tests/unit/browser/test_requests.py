"""What a query asks for, and what of it is nonsense."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_jobs.browser.requests import asked, page_number, selection
from monitoring_jobs.browser.values import ATTENTION, ORDER, Span
from monitoring_jobs.results import Status

ANY = st.text(st.characters(), max_size=30)


def test_dates_include_both_days() -> None:
    found = asked({"from": "2026-11-20", "to": "2026-11-20"})
    assert found.filters.span == Span(
        after=datetime(2026, 11, 20, tzinfo=UTC), by=datetime(2026, 11, 21, tzinfo=UTC)
    )
    assert not found.notes


def test_nonsense_is_told_and_narrows_nothing() -> None:
    found = asked({"from": "yesterday", "to": "9999-12-31", "status": "great"})
    assert found.filters.status is None
    assert found.filters.span == Span()
    assert len(found.notes) == 2


def test_links_keep_what_was_given_and_forget_positions() -> None:
    found = asked({"q": " wine ", "status": "failed", "page": "7", "after": "x", "owner": ""})
    assert found.but(page="8") == {"q": "wine", "status": "failed", "page": "8"}
    assert found.but(status="") == {"q": "wine"}


@given(st.dictionaries(st.sampled_from(["q", "model", "owner", "from", "to", "status"]), ANY))
def test_any_query_can_be_asked_of_a_database(query: dict[str, str]) -> None:
    filters = asked(query).filters
    for text in (filters.text, filters.model, filters.owner):
        assert "\0" not in text
        text.encode()


@pytest.mark.parametrize(
    ("text", "number"),
    [("3", 3), ("0", 1), ("-1", 1), ("x", 1), ("", 1), ("٣", 1), ("9" * 40, 1), ("99999", 10_000)],
)
def test_pages_are_numbered_from_one(text: str, number: int) -> None:
    assert page_number({"page": text}) == number


def test_an_empty_segment_is_all_and_the_whole_window_has_a_name() -> None:
    for text, segment in (("", None), ("whole window", ""), ("region= ", "region= ")):
        chosen, given_ = selection({"segment": text}, limit=10)
        assert chosen.segment == segment
        assert given_.get("segment", "") == text, "links keep it"
    chosen, given_ = selection({"status": "attention", "page": "3"}, limit=10)
    assert chosen.segment is None
    assert chosen.statuses == ATTENTION
    assert chosen.offset == 20
    assert given_ == {"status": "attention"}
    assert selection({"status": "failed"}, limit=10)[0].statuses == (Status.FAILED,)
    assert selection({"status": "?"}, limit=10)[0].statuses == ORDER
