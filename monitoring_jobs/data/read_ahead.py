"""A thread that reads ahead of whoever uses what it reads, by a bounded number of items."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from queue import Empty, Queue
from threading import Event
from typing import Any, TypeVar

T = TypeVar("T")
_ITEMS = 2
_END = object()
_SECONDS_BETWEEN_LOOKS = 0.02


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
        cancel: Runs in the caller's thread if it stops early: breaks off what ``produce`` waits
            for.

    Raises:
        Exception: What ``produce`` raised, after the items that it put before.
    """
    items: Queue[Any] = Queue(_ITEMS)
    abandoned = Event()

    def put(item: T) -> None:
        if abandoned.is_set():
            raise Abandoned
        items.put(item)

    def run() -> None:
        try:
            produce(put)
        finally:
            items.put(_END)

    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as pool:
        running = pool.submit(run)
        try:
            while (item := items.get()) is not _END:
                yield item
        finally:
            if not running.done():
                abandoned.set()
                try:
                    cancel()
                finally:
                    # A thread that waits to put something must get the chance to see the flag.
                    while wait([running], _SECONDS_BETWEEN_LOOKS).not_done:
                        with suppress(Empty):
                            items.get_nowait()
        running.result()
