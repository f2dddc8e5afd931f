"""What MLflow reads from the environment at each call, set for as long as calls go on."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class _Environment:
    """The environment of the process, lent to those who agree on its values.

    Calls of one server go on at once; those of a server with other credentials wait for them.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._borrowers = 0
        self._values: Mapping[str, str] = {}
        self._before: dict[str, str | None] = {}

    @contextmanager
    def holding(self, values: Mapping[str, str]) -> Iterator[None]:
        """Set variables, and put back what was there once nobody needs them any more."""
        with self._changed:
            self._changed.wait_for(lambda: not self._borrowers or self._values == values)
            if not self._borrowers:
                self._values = dict(values)
                self._before = {name: os.environ.get(name) for name in values}
                os.environ.update(values)
            self._borrowers += 1
        try:
            yield
        finally:
            with self._changed:
                self._borrowers -= 1
                if not self._borrowers:
                    self._put_back()
                    self._changed.notify_all()

    def _put_back(self) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


in_environment = _Environment().holding


def limit(name: str, given: int | None, default: int) -> dict[str, str]:
    """Return a variable as given, else as it is set, else by default."""
    return {name: os.environ.get(name, str(default)) if given is None else str(given)}
