"""The environment of the process, lent to calls of MLflow's client and put back."""

from __future__ import annotations

import os
import threading
from contextlib import suppress

import pytest

from monitoring_jobs.tracking.environment import in_environment, limit

NAME, OTHER = "MONITORING_TEST_VARIABLE", "MONITORING_TEST_OTHER"


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "before")
    monkeypatch.delenv(OTHER, raising=False)


def test_variables_are_set_and_put_back_after_an_error() -> None:
    with suppress(LookupError), in_environment({NAME: "during", OTHER: "new"}):
        assert (os.environ[NAME], os.environ[OTHER]) == ("during", "new")
        raise LookupError

    assert os.environ[NAME] == "before"
    assert OTHER not in os.environ


def test_calls_that_agree_go_on_at_once_and_the_last_one_puts_back() -> None:
    inside = threading.Barrier(2, timeout=30)
    first_is_out = threading.Event()
    seen: list[str] = []

    def call(*, wait: bool) -> None:
        with in_environment({NAME: "during"}):
            inside.wait()
            if wait:
                assert first_is_out.wait(30)
                seen.append(os.environ[NAME])
        first_is_out.set()

    _run(lambda: call(wait=True), lambda: call(wait=False))

    assert seen == ["during"]
    assert os.environ[NAME] == "before"


def test_call_with_other_values_waits_until_the_environment_is_free() -> None:
    held, asked = threading.Event(), threading.Event()
    order: list[str] = []

    def first() -> None:
        with in_environment({NAME: "one"}):
            held.set()
            assert asked.wait(30)
            order.append(os.environ[NAME])

    def second() -> None:
        assert held.wait(30)
        asked.set()
        with in_environment({NAME: "two"}):
            order.append(os.environ[NAME])

    _run(first, second)

    assert order == ["one", "two"]
    assert os.environ[NAME] == "before"


def test_what_is_given_wins_over_the_environment_and_that_over_the_default() -> None:
    assert limit(NAME, 7, 1) == {NAME: "7"}
    assert limit(NAME, None, 1) == {NAME: "before"}
    assert limit(OTHER, None, 1) == {OTHER: "1"}


def _run(*functions: object) -> None:
    threads = [threading.Thread(target=function) for function in functions]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
