"""JSON objects read field by field: each as one type, or refused by name without its value."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from monitoring_jobs.windows import as_utc


def strict_json(text: str | bytes) -> Any:
    """Return what a JSON text says.

    Raises:
        ValueError: It is none, or holds NaN or an infinity.
    """
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("not an evaluation: nested too deeply") from None


def is_finite_number(value: Any) -> bool:
    """Whether a value of JSON is a number that a float64 can hold; a boolean is none."""
    if type(value) not in (int, float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond float64
        return False


class Fields:
    """The fields of a JSON object; all methods raise ValueError for what is absent or wrong.

    Args:
        raw: What should be an object.
        what: Its name, for messages.
    """

    def __init__(self, raw: Any, what: str) -> None:
        if not isinstance(raw, dict):
            raise ValueError(f"{what} is not an object")  # noqa: TRY004 the file is to blame
        self.raw: dict[str, Any] = raw
        self._what = what

    def text(self, name: str) -> str:
        """Return a text."""
        return str(self._typed(name, str, "text"))

    def text_or_none(self, name: str) -> str | None:
        """Return a text, or None for null."""
        return None if self._given(name) is None else self.text(name)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        items = self.items(name)
        if not all(isinstance(item, str) for item in items):
            raise self._wrong(name, "a list of texts")
        return tuple(items)

    def one_of(self, name: str, known: Iterable[str]) -> str:
        """Return one of the texts that are known."""
        known = tuple(known)
        found = self.text(name)
        if found not in known:
            raise self._wrong(name, f"one of {', '.join(known)}")
        return found

    def items(self, name: str) -> list[Any]:
        """Return a list of anything."""
        return list(self._typed(name, list, "a list"))

    def part(self, name: str) -> Fields:
        """Return the fields of an object within."""
        return Fields(self._given(name), f"{self._what}.{name}")

    def count(self, name: str) -> int:
        """Return a number of things: an integer from 0 on that a bigint column can hold."""
        number = self._given(name)
        if type(number) is not int or not 0 <= number < 2**63:
            raise self._wrong(name, "a count")
        return number

    def positive(self, name: str) -> float:
        """Return a number from 0 on."""
        number = self.number_or_none(name)
        if number is None or number < 0:
            raise self._wrong(name, "a number from 0 on")
        return number

    def number_or_none(self, name: str) -> float | None:
        """Return a finite number, or None for null."""
        number = self._given(name)
        if number is not None and not is_finite_number(number):
            raise self._wrong(name, "a finite number")
        return None if number is None else float(number)

    def instant(self, name: str) -> datetime:
        """Return a time with a zone, as UTC."""
        try:
            return as_utc(datetime.fromisoformat(self.text(name)))
        except (ValueError, OverflowError):
            raise self._wrong(name, "a time with a zone") from None

    def _given(self, name: str) -> Any:
        if name not in self.raw:
            raise ValueError(f"{self._what}.{name} is missing")
        return self.raw[name]

    def _typed(self, name: str, kind: type, called: str) -> Any:
        value = self._given(name)
        if not isinstance(value, kind):
            raise self._wrong(name, called)
        return value

    def _wrong(self, name: str, called: str) -> ValueError:
        return ValueError(f"{self._what}.{name} is not {called}")


def _no_constant(name: str) -> None:
    raise ValueError(f"not an evaluation: {name} is no JSON")
