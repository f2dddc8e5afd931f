"""A thread that reads ahead of whoever uses what it reads, by a bounded number of items."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any, TypeVar

T = TypeVar("T")
_ITEMS = 2
_END = object()
_LEAST_SECONDS, _MOST_SECONDS = 0.02, 1.0


class Abandoned(Exception):
    """Raised inside the thread: nobody wants the rest."""


def read_ahead(
    produce: Callable[[Callable[[T], None]], None], cancel: Callable[[], None]
) -> Iterator[T]:
    """Yield what ``produce`` puts, while it goes on in a thread.

    It is never more than a few items ahead, so memory does not depend on who is faster. The caller
    waits in Python, where a signal still reaches it while a driver waits for its server.

    Args:
        produce: Runs in the thread and calls its argument with each item.
        cancel: Runs in the caller's thread if it stops early, until the thread has ended: breaks
            off what ``produce`` waits for.

    Raises:
        Exception: What ``produce`` raised, after the items that it put before.
    """
    items: Queue[Any] = Queue(_ITEMS)
    abandoned = Event()
    failures: list[BaseException] = []

    def put(item: T) -> None:
        if abandoned.is_set():
            raise Abandoned
        items.put(item)

    def run() -> None:
        try:
            if not abandoned.is_set():
                produce(put)
        except BaseException as exc:  # noqa: BLE001 - raised again where it is waited for
            failures.append(exc)
        finally:
            items.put(_END)

    # No pool: a signal while it starts its thread would leave it with one that it does not know of.
    thread = Thread(target=run, name="read-ahead")
    try:
        thread.start()
        while (item := items.get()) is not _END:
            yield item
    except BaseException:
        abandoned.set()
        patience = _LEAST_SECONDS
        # One that has not begun by now sees the flag before anything else.
        while thread.is_alive():
            # More than once, as it may not yet have waited for the server the first time.
            with suppress(Exception):  # what ended the reading is told, not this
                cancel()
            # A thread that waits to put something must get the chance to see the flag.
            with suppress(Empty):
                items.get_nowait()
            thread.join(patience)
            patience = min(2 * patience, _MOST_SECONDS)
        raise
    thread.join()
    if failures:
        raise failures[0]
