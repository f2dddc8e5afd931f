"""A budget of memory that threads share: who would exceed it waits until others are done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Budget:
    """So many bytes, taken and given back by threads.

    Args:
        size: Bytes in all.
    """

    def __init__(self, size: int) -> None:
        self._size, self._left = size, size
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, need: int) -> Iterator[None]:
        """Hold ``need`` bytes for a while; a need beyond the whole budget waits to be alone."""
        need = min(need, self._size)
        with self._changed:
            self._changed.wait_for(lambda: self._left >= need)
            self._left -= need
        try:
            yield
        finally:
            with self._changed:
                self._left += need
                self._changed.notify_all()
