"""Numbers and times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitoring_jobs.browser.figures import (
    figure,
    figure_text,
    length,
    seconds,
    short,
    status_badge,
    window_text,
)
from monitoring_jobs.browser.trend import LENGTH, streak, trend
from monitoring_jobs.browser.values import Mark
from monitoring_jobs.results import Status
from monitoring_jobs.windows import Window
from tests.fixtures.evaluations import DAY, day


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (1234567.0, "1,234,567"),
        (0.4218392, "0.42184"),
        (1234.5678, "1,234.6"),
        (123456.789, "123,457"),
        (3.12e-5, "3.12e-05"),
        (-2.5, "-2.5"),
        (1e300, "1e+300"),
    ],
)
def test_numbers_have_five_digits_and_counts_all(value: float, text: str) -> None:
    assert figure_text(value) == text


def test_all_digits_show_as_title() -> None:
    assert 'title="0.1234567890123"' in str(figure(0.1234567890123))
    assert figure(None) is None


@pytest.mark.parametrize(
    ("start", "hours", "window", "lasts"),
    [
        ("2026-11-20T00:00", 24, "2026-11-20", "1 day"),
        ("2026-11-20T00:00", 168, "2026-11-20 - 2026-11-26", "7 days"),
        ("2026-11-20T13:00", 1.5, "2026-11-20 13:00 - 14:30", "1 h 30 min"),
        ("2026-10-24T22:00", 25, "2026-10-24 22:00 - 2026-10-25 23:00", "1 day 1 h"),
        ("2026-11-20T00:00:30", 24, "2026-11-20 00:00:30 - 2026-11-21 00:00:30", "1 day"),
    ],
)
def test_windows_are_told_as_short_as_they_can_be(
    start: str, hours: float, window: str, lasts: str
) -> None:
    begin = datetime.fromisoformat(start).replace(tzinfo=UTC)
    own = Window(begin, begin + timedelta(hours=hours))
    assert window_text(own) == window.replace(" - ", " \N{EN DASH} ")
    assert length(own) == lasts


def test_durations() -> None:
    assert [seconds(s) for s in (0.42, 12.3, 185)] == ["0.42 s", "12 s", "3 min 5 s"]


def test_long_names_are_cut_and_show_as_title() -> None:
    assert short("x" * 80) == "x" * 80
    assert str(short("x" * 81)).startswith(f'<span title="{"x" * 81}">{"x" * 79}…')


@pytest.mark.parametrize("status", Status)
def test_every_status_has_a_symbol_a_word_and_a_bar(status: Status) -> None:
    assert str(status).replace("_", " ") in str(status_badge(status))
    assert f'class="is-{status}"' in str(trend([Mark(window=DAY, status=status)]))


def test_streak_counts_back_from_the_newest_window() -> None:
    marks = [Mark(window=day(n), status=Status.OK) for n in range(LENGTH)]
    assert streak(marks) == "30+"
    assert streak([*marks[1:], Mark(window=day(30), status=Status.FAILED)]) == "1"
    assert streak(marks[:3]) == "3"
    assert streak([]) == ""
