"""Reading ahead: threads read, the caller takes, and neither runs away from the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_jobs.tracking import fetch_ahead


@given(st.lists(st.integers(0, 6), max_size=8), st.integers(1, 3))
def test_every_item_comes_once_and_those_of_a_source_in_its_order(
    lengths: list[int], threads: int
) -> None:
    sources = [[(number, item) for item in range(n)] for number, n in enumerate(lengths)]

    with fetch_ahead(sources, threads=threads) as items:
        found = list(items)

    assert sorted(found) == [item for source in sources for item in source]
    for source in sources:
        assert [item for item in found if item in source] == source


def test_no_more_than_two_items_of_a_thread_wait() -> None:
    made = 0
    third = threading.Event()

    def source() -> Iterator[int]:
        nonlocal made
        for number in range(100):
            made = number
            if made >= 3:
                third.set()
            yield number

    with fetch_ahead([source()], threads=1) as items:
        assert next(items) == 0
        # One waits to be taken, one in the thread's hand; the one after them is not made.
        assert not third.wait(0.2)
        assert next(items) == 1
        assert third.wait(30)
        assert list(items) == list(range(2, 100))
    assert made == 99


def test_two_sources_are_read_at_once() -> None:
    together = threading.Barrier(2, timeout=30)

    def source(name: str) -> Iterator[str]:
        together.wait()
        yield name

    with fetch_ahead([source("a"), source("b")], threads=2) as items:
        assert sorted(items) == ["a", "b"]


@pytest.mark.parametrize("error", [LookupError("gone"), KeyboardInterrupt(), SystemExit(3)])
def test_error_of_a_source_is_raised_where_its_items_are_taken(error: BaseException) -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise error

    found = []
    with pytest.raises(type(error)) as caught, fetch_ahead([failing()], threads=2) as items:
        found += list(items)

    assert caught.value is error


def test_threads_end_when_the_caller_gives_up() -> None:
    def endless() -> Iterator[int]:
        number = 0
        while True:
            yield number
            number += 1

    before = set(threading.enumerate())
    with fetch_ahead([endless(), endless(), endless()], threads=2) as items:
        next(items)

    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=30)
    assert set(threading.enumerate()) <= before
