"""Reading ahead: the server works on the next page while the last one is written."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


@contextmanager
def fetch_ahead(sources: Iterable[Iterable[T]], *, threads: int) -> Iterator[Iterator[T]]:
    """Offer the items of several sources, which are read by threads of their own.

    The items of one source come in its order, those of different sources as they arrive. So that
    memory does not depend on how much there is to read, no more than two items of each thread wait
    to be taken. What a source raises is raised where the items are taken.

    Args:
        sources: Each is read by one thread, in the order given as threads become free.
        threads: How many are read at once.
    """
    reading = _Reading(sources, threads)
    try:
        yield reading.items()
    finally:
        reading.stop()


class _Failed:
    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Reading(Generic[T]):
    def __init__(self, sources: Iterable[Iterable[T]], threads: int) -> None:
        self._sources = iter(sources)
        self._next = threading.Lock()
        self._stopped = threading.Event()
        self._room = threading.Semaphore(threads)
        self._found: SimpleQueue[T | _Failed | None] = SimpleQueue()
        # A request that nobody waits for any more must not hold up the end of the process.
        self._threads = [
            threading.Thread(target=self._read, name=f"fetch-ahead-{number}", daemon=True)
            for number in range(threads)
        ]

    def items(self) -> Iterator[T]:
        for thread in self._threads:
            thread.start()
        working = len(self._threads)
        while working:
            found = self._found.get()
            if found is None:
                working -= 1
            elif isinstance(found, _Failed):
                raise found.error
            else:
                self._room.release()
                yield found

    def stop(self) -> None:
        self._stopped.set()
        for _ in self._threads:
            self._room.release()

    def _read(self) -> None:
        try:
            while (source := self._take()) is not None:
                for item in source:
                    self._room.acquire()
                    if self._stopped.is_set():
                        return
                    self._found.put(item)
        except BaseException as exc:  # noqa: BLE001 - it is raised where the items are taken
            self._found.put(_Failed(exc))
        finally:
            self._found.put(None)

    def _take(self) -> Iterable[T] | None:
        with self._next:
            return None if self._stopped.is_set() else next(self._sources, None)
