"""Ids of windows and evaluations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_jobs.evaluation_ids import (
    MONITOR_NAME,
    evaluation_id,
    parse_evaluation_id,
    parse_window_id,
    window_id,
)
from monitoring_jobs.windows import Window
from tests.fixtures.evaluations import DAY

instants = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC))
windows = st.builds(
    lambda start, length: Window(start, start + length),
    instants,
    st.timedeltas(timedelta(microseconds=1), timedelta(days=400)),
)


def test_an_id_reads_like_what_it_names() -> None:
    assert evaluation_id("wine_quality", DAY) == "wine_quality--20261120T000000Z--20261121T000000Z"


@given(monitor=st.from_regex(MONITOR_NAME, fullmatch=True), window=windows)
def test_an_id_leads_back_to_monitor_and_window(monitor: str, window: Window) -> None:
    assert parse_evaluation_id(evaluation_id(monitor, window)) == (monitor, window)
    assert parse_window_id(window_id(window)) == window


@pytest.mark.parametrize(
    "text",
    [
        "",
        "wine_quality",
        "../../etc/passwd",
        "--20261120T000000Z--20261121T000000Z",
        "a/b--20261120T000000Z--20261121T000000Z",
        "wine--20261121T000000Z--20261120T000000Z",  # ends before it starts
        "wine--20261120T000000Z--20261120T000000Z",
        "wine--20261320T000000Z--20261321T000000Z",  # a thirteenth month
        "wine--20261120T000000.000000Z--20261121T000000Z",  # a second way to write it
        "wine--20261120T000000Z--20261121T000000Z\n",
        "wine--\u0662\u0660261120T000000Z--20261121T000000Z",  # digits, but not ours
        "w" * 101 + "--20261120T000000Z--20261121T000000Z",
        "wine\0--20261120T000000Z--20261121T000000Z",
    ],
)
def test_f60_anything_else_is_no_id_and_is_not_quoted(text: str) -> None:
    with pytest.raises(ValueError, match=r"that is no id of (an evaluation|a window)$"):
        parse_evaluation_id(text)


@given(st.text())
def test_f60_no_text_breaks_the_reading_of_ids(text: str) -> None:
    try:
        monitor, window = parse_evaluation_id(text)
    except ValueError:
        return
    assert evaluation_id(monitor, window) == text
