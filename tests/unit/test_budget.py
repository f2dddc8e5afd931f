"""Threads share a budget, and none waits for ever."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_jobs.budget import Budget


@given(st.lists(st.integers(0, 15), max_size=40))
def test_what_is_held_at_once_stays_within_the_budget(needs: list[int]) -> None:
    budget, lock = Budget(10), threading.Lock()
    held = [0]
    seen = [0]

    def work(need: int) -> None:
        with budget.taken(need):
            with lock:
                held[0] += min(need, 10)
                seen.append(held[0])
            with lock:
                held[0] -= min(need, 10)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, needs))
    assert max(seen) <= 10
    assert held == [0]


def test_an_error_gives_back_what_was_taken() -> None:
    budget = Budget(1)
    for _ in range(2):  # the second one would wait for ever
        with pytest.raises(ZeroDivisionError), budget.taken(5):
            _ = 1 / 0
