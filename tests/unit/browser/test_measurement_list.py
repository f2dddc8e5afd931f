"""Narrowing and paging an evaluation's measurements: what the page says is what a click shows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pytest

from monitoring_jobs.browser.addresses import Addresses
from monitoring_jobs.browser.measurement_list import measurement_list, segment_list
from monitoring_jobs.browser.measurements import selected, tallied
from monitoring_jobs.browser.requests import selection
from monitoring_jobs.browser.values import Judged
from monitoring_jobs.links import Links
from monitoring_jobs.results import Measurement, Status
from tests.fixtures.evaluations import make_evaluation

HERE = Addresses(links=Links(), root="../")
MIXED = [
    Measurement(
        check=check,
        metric="x",
        column=f"c{number:03}",
        segment=segment,
        status=status,
    )
    for check, segment, status, count in (
        ("drift", "r=a", Status.OK, 50),
        ("drift", "r=b", Status.WARNING, 40),
        ("quality", "", Status.WARNING, 10),
        ("quality", "", Status.OK, 50),
    )
    for number in range(count)
]


def page(measurements: Sequence[Measurement], query: Mapping[str, str], *, limit: int = 100) -> str:
    chosen, given = selection(query, limit=limit)
    found = Judged(
        evaluation=make_evaluation(),
        shown=selected(measurements, chosen.and_one()),
        tallies=tallied(measurements),
    )
    return str(measurement_list(found, chosen, given, HERE))


def chips(text: str) -> dict[str, str]:
    """Return what the status links say, and the number behind each."""
    found = re.search(r'<ul class="chips".*?</ul>', text)
    assert found is not None
    links = re.findall(r"<li>(.*?)</li>", found[0])
    plain = [re.sub(r"<[^>]*>", " ", each).split() for each in links]
    return {
        " ".join(word for word in words if word[0].isalpha()): "".join(
            word for word in words if word.isdecimal()
        )
        for words in plain
    }


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({}, {"all": "150", "asks for attention": "50", "warning": "50", "ok": "100"}),
        ({"segment": "r=a"}, {"all": "50", "ok": "50"}),
        (
            {"segment": "whole window"},
            {"all": "60", "asks for attention": "10", "warning": "10", "ok": "50"},
        ),
        (
            {"check": "drift"},
            {"all": "90", "asks for attention": "40", "warning": "40", "ok": "50"},
        ),
        ({"check": "quality", "segment": "r=b"}, {"all": "0"}),
        ({"segment": "r=a", "status": "warning"}, {"all": "50", "warning": "0", "ok": "50"}),
        ({"column": "c001", "segment": "r=a"}, {"all": "", "ok": ""}),
    ],
)
def test_numbers_of_the_statuses_are_what_a_click_shows(
    query: dict[str, str], shown: dict[str, str]
) -> None:
    assert chips(page(MIXED, query)) == shown


@pytest.mark.parametrize("query", [{}, {"column": "c"}, {"segment": "r=a"}])
def test_last_full_page_leads_to_no_other(query: dict[str, str]) -> None:
    text = page(MIXED[:50], query, limit=25)
    assert 'rel="next"' in text
    last = page(MIXED[:50], {**query, "page": "2"}, limit=25)
    assert 'rel="next"' not in last
    assert "26\N{EN DASH}50 of 50" in last
    assert last.count("<tr><td>") == 25


def test_a_page_behind_the_last_says_so_and_leads_to_the_first() -> None:
    text = page(MIXED, {"page": "9", "check": "drift"})
    assert "The list ends before this page." in text
    assert re.search(r'href="[^"?]*\?check=drift">Show its beginning', text)


def test_paging_keeps_the_whole_window() -> None:
    text = page(MIXED, {"segment": "whole window"}, limit=25)
    assert re.search(r'\?segment=whole\+window&amp;page=2" rel="next"', text)


def test_segments_are_links_and_a_field_finds_those_that_no_list_shows() -> None:
    many = [
        Measurement(check="drift", metric="x", column="c", segment=f"r={n:03}", status=Status.OK)
        for n in range(120)
    ]
    text = page(many, {"check": "drift"})
    assert re.search(r'\?check=drift&amp;segment=r%3D007">r=007</a>', text)
    assert re.search(r'<label><span>Segment</span><input type="search" name="segment"', text)
    offered = re.findall(r'<option value="(r=\d+|whole window)">', text)
    assert offered == ["whole window", *(f"r={n:03}" for n in range(120))]
    found = Judged(evaluation=make_evaluation(), tallies=tallied(many))
    assert "The 50 of 120" in str(segment_list(found, HERE))
    bare = [Measurement(check="drift", metric="x", column=f"{n}", status=Status.OK) for n in MIXED]
    assert "Segment" not in page(bare, {})
