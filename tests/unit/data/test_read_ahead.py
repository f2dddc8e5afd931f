from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from monitoring_jobs.data.read_ahead import Abandoned, read_ahead

Put = Callable[[int], None]


def nothing() -> None:
    """Cancels nothing."""


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("read-ahead")]


def test_items_come_in_their_order() -> None:
    def produce(put: Put) -> None:
        for number in range(100):
            put(number)

    assert list(read_ahead(produce, nothing)) == list(range(100))
    assert not threads()


def test_nothing_is_read_before_the_first_item_is_wanted() -> None:
    def produce(put: Put) -> None:
        raise AssertionError

    read_ahead(produce, nothing)
    assert not threads()


def test_the_thread_is_only_a_few_items_ahead() -> None:
    produced = []

    def produce(put: Put) -> None:
        for number in range(50):
            put(number)
            produced.append(number)

    for number in read_ahead(produce, nothing):
        time.sleep(0.002)
        assert len(produced) <= number + 4


def test_an_error_follows_the_items_before_it() -> None:
    def produce(put: Put) -> None:
        put(1)
        raise LookupError("gone")

    items = read_ahead(produce, nothing)
    assert next(items) == 1
    with pytest.raises(LookupError, match="gone"):
        next(items)
    assert not threads()


@pytest.mark.parametrize("taken", [1, 3])
def test_a_caller_that_stops_early_ends_the_thread(taken: int) -> None:
    ended, canceled = [], []

    def produce(put: Put) -> None:
        try:
            for number in range(10**9):
                put(number)
        except Abandoned:
            ended.append(True)
            raise

    items = read_ahead(produce, lambda: canceled.append(True))
    for _ in range(taken):
        next(items)
    items.close()  # type: ignore[attr-defined]
    assert ended == [True]
    assert canceled
    assert not threads()


def test_what_waits_for_a_server_is_broken_off() -> None:
    answer = threading.Event()

    def produce(put: Put) -> None:
        put(1)
        answer.wait()

    items = read_ahead(produce, answer.set)
    assert next(items) == 1
    items.close()  # type: ignore[attr-defined]
    assert not threads()


def test_a_complete_read_cancels_nothing() -> None:
    canceled: list[bool] = []

    def produce(put: Put) -> None:
        for number in range(5):
            put(number)

    assert len(list(read_ahead(produce, lambda: canceled.append(True)))) == 5
    assert not canceled


def test_the_thread_ends_though_nothing_can_be_canceled() -> None:
    def produce(put: Put) -> None:
        for number in range(10**9):
            put(number)

    def cancel() -> None:
        raise OSError("no connection")

    items = read_ahead(produce, cancel)
    next(items)
    items.close()  # type: ignore[attr-defined]
    assert not threads()


def test_a_signal_while_the_thread_starts_leaves_it_not_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, cancelled = threading.Event(), threading.Event()

    class Interrupted(threading.Thread):
        def start(self) -> None:
            super().start()
            assert begun.wait(30)
            raise KeyboardInterrupt  # as a signal does, which arrives before start returns

    def produce(_put: Put) -> None:
        begun.set()
        assert cancelled.wait(30)

    monkeypatch.setattr("monitoring_jobs.data.read_ahead.Thread", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(read_ahead(produce, cancelled.set))
    assert cancelled.is_set()
    assert not threads()
