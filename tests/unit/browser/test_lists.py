"""Which monitors and windows a page shows, to whom."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from monitoring_jobs.browser.addresses import Addresses
from monitoring_jobs.browser.evaluations import PAGE as WINDOWS
from monitoring_jobs.browser.evaluations import Position, evaluations_page, readable
from monitoring_jobs.browser.monitors import PAGE, listed, monitors_page
from monitoring_jobs.browser.requests import asked
from monitoring_jobs.browser.values import Filters, Standing
from monitoring_jobs.links import Links
from monitoring_jobs.results import Evaluation, Status
from tests.fixtures.evaluations import day, make_evaluation

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def everybody(names: Collection[str]) -> Collection[str]:
    return names


def standing(
    monitor: str, status: Status | None, *, failed_at: datetime | None = None, owner: str = "me"
) -> Standing:
    return Standing(monitor=monitor, status=status, owner=owner, model="M", failed_at=failed_at)


def test_worst_come_first_and_a_failed_run_counts_as_an_error() -> None:
    found = listed(
        [
            standing("a", Status.OK),
            standing("b", Status.INSUFFICIENT_DATA),
            standing("c", Status.OK, failed_at=NOW),
            standing("d", Status.WARNING),
            standing("e", Status.FAILED),
            standing("f", None, failed_at=NOW),
            standing("g", Status.SKIPPED),
        ],
        Filters(),
        1,
        everybody,
    )
    assert [s.monitor for s in found.shown] == ["e", "c", "f", "d", "b", "a", "g"]
    assert found.counts == {
        Status.FAILED: 1,
        Status.ERROR: 2,
        Status.WARNING: 1,
        Status.INSUFFICIENT_DATA: 1,
        Status.OK: 1,
        Status.SKIPPED: 1,
    }


def test_status_narrows_the_list_and_leaves_the_counts() -> None:
    monitors = [standing(f"m{n}", Status.OK if n % 2 else Status.FAILED) for n in range(10)]
    found = listed(monitors, Filters(status=Status.OK), 1, everybody)
    assert [s.monitor for s in found.shown] == ["m1", "m3", "m5", "m7", "m9"]
    assert found.counts == {Status.OK: 5, Status.FAILED: 5}


def test_texts_match_parts_in_any_case() -> None:
    monitors = [standing("Wine", Status.OK, owner="Anna"), standing("beer", Status.OK)]
    for filters in (Filters(text="wIN"), Filters(owner="ann")):
        assert [s.monitor for s in listed(monitors, filters, 1, everybody).shown] == ["Wine"]
    assert len(listed(monitors, Filters(model="m"), 1, everybody).shown) == 2


def test_monitors_that_may_not_be_read_are_neither_shown_nor_counted() -> None:
    monitors = [standing(f"m{n:03}", Status.OK) for n in range(120)]
    found = listed(monitors, Filters(), 2, lambda names: [n for n in names if n.endswith("7")])
    assert not found.shown
    assert found.counts == {Status.OK: 12}
    first = listed(monitors, Filters(), 1, lambda names: {*names} - {"m000"})
    assert [s.monitor for s in first.shown] == [f"m{n:03}" for n in range(1, PAGE + 1)]
    assert first.has_more


def test_permission_is_asked_no_further_than_a_page_needs() -> None:
    asked: list[int] = []

    def may_read(names: Collection[str]) -> Collection[str]:
        asked.append(len(names))
        return names

    monitors = [standing(f"m{n:05}", Status.OK) for n in range(20_000)]
    found = listed(monitors, Filters(), 1, may_read)
    assert asked == [2000]
    assert found.counts is None
    assert found.has_more


class Windows:
    """A list of windows, as the query gives it."""

    def __init__(self, monitors: list[str]) -> None:
        self.all = [
            make_evaluation(monitor=name, window=day(-number), measurements=())
            for number, name in enumerate(monitors)
        ]
        self.limits: list[int] = []

    def __call__(self, behind: Position | None, limit: int) -> list[Evaluation]:
        self.limits.append(limit)
        start = 0
        if behind is not None:
            start = 1 + [(e.monitor, e.window) for e in self.all].index(behind)
        return self.all[start : start + limit]


def test_a_full_page_says_where_the_next_begins() -> None:
    windows = Windows(["a"] * (WINDOWS + 1))
    first = readable(windows, None, everybody)
    assert first.shown == windows.all[:WINDOWS]
    assert first.behind == windows.all[WINDOWS - 1]
    last = readable(windows, (first.behind.monitor, first.behind.window), everybody)
    assert last.shown == windows.all[WINDOWS:]
    assert last.behind is None


def test_windows_that_may_not_be_read_are_passed_over() -> None:
    windows = Windows(["a", "b", "b", "b"] * 100)
    found = readable(windows, None, lambda names: set(names) & {"a"})
    assert {e.monitor for e in found.shown} == {"a"}
    assert len(found.shown) == WINDOWS


def test_looking_for_readable_windows_ends_and_names_none_of_the_others() -> None:
    windows = Windows(["secret"] * 3000)
    windows.all = [
        make_evaluation(
            monitor="secret", window=day(0).__class__(s, s + timedelta(minutes=1)), measurements=()
        )
        for s in (NOW - timedelta(minutes=n) for n in range(30_000))
    ]
    found = readable(windows, None, lambda _: ())
    assert not found.shown
    assert found.behind is None
    assert sum(windows.limits) < 30_000
    page = evaluations_page(found, asked({}), Addresses(links=Links()), is_first=True)
    assert "secret" not in str(page.body)
    assert re.search(r"Only the newest 2\d,\d{3} windows were looked at", str(page.body))


def test_a_page_behind_the_last_says_so_and_leads_to_the_first() -> None:
    wanted, here = asked({"q": "m"}), Addresses(links=Links())
    monitors = monitors_page(
        listed([standing("m", Status.OK)], wanted.filters, 7, everybody), wanted, here, {}, {}
    )
    windows = evaluations_page(readable(Windows([]), None, everybody), wanted, here, is_first=False)
    for page, beginning in ((monitors, "./?q=m"), (windows, "evaluations?q=m")):
        assert "The list ends before this page." in str(page.body)
        assert f'href="{beginning}">Show its beginning' in str(page.body)
