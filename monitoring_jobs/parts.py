"""Parts of an evaluation: the measurements of a group of columns, and what they were made from."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from monitoring_jobs.results import Measurement

MOST_PARTS = 64

# How much of a basis' hash its attempts begin with: enough to tell it, and room to differ.
_TELLING = 16


@dataclass(frozen=True, slots=True, order=True)
class ColumnGroup:
    """Every ``count``-th of the judged columns, from the ``number``-th on; numbers begin with 1.

    Raises:
        ValueError: There is no such group.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count <= MOST_PARTS:
            raise ValueError(f"there is no group {self}; a window is cut into 1 to {MOST_PARTS}")

    def __str__(self) -> str:
        return f"{self.number} of {self.count}"

    def of(self, columns: Iterable[str]) -> list[str]:
        """Return the columns of this group; none where there are fewer columns than groups."""
        return list(columns)[self.number - 1 :: self.count]


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What measurements depend on: parts of one basis belong together, of two they never do.

    Attributes:
        monitor: Name of the monitor.
        window: The window as text.
        count: Into how many groups the columns are cut.
        spec_hash: Hash of the monitor file's meaning.
        code_version: Version of this package.
        model: Name and version of the model; empty where MLflow was not asked.
        reference_id: Content hash of the reference.
        rows: Rows of the window.
        data: Hash that changes when the window's rows do.
        judged: The judged columns in order, each with the kind that it is judged as.
    """

    monitor: str
    window: str
    count: int
    spec_hash: str
    code_version: str
    model: str
    reference_id: str
    rows: int
    data: str
    judged: tuple[tuple[str, str], ...]

    @property
    def id(self) -> str:
        """Hash of all of it, 32 hexadecimal digits."""
        canonical = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()

    @property
    def columns(self) -> list[str]:
        """The names of the judged columns, in order."""
        return [name for name, _ in self.judged]

    @property
    def groups(self) -> list[ColumnGroup]:
        """All groups, in order."""
        return [ColumnGroup(number, self.count) for number in range(1, self.count + 1)]

    def new_attempt(self) -> str:
        """Return the id of an execution that joins parts of this basis: unique, and told by it."""
        return self.id[:_TELLING] + uuid.uuid4().hex[_TELLING:]

    def made(self, attempt: str) -> bool:
        """Whether an execution has joined parts of this basis."""
        return attempt.startswith(self.id[:_TELLING])

    def changes(self, other: Basis) -> list[str]:
        """Return in words what is not the same in another basis of the same monitor and window."""
        return [
            words for name, words in _WORDS.items() if getattr(self, name) != getattr(other, name)
        ]


_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "count": "the number of parts",
        "spec_hash": "the monitor file",
        "code_version": "the version of monitoring-jobs",
        "model": "the model's version",
        "reference_id": "the reference",
        "rows": "the window's rows",
        "data": "the window's data",
        "judged": "the judged columns",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The measurements of one group of columns, in the order of these columns."""

    basis: Basis
    group: ColumnGroup
    measurements: tuple[Measurement, ...]

    def to_json(self) -> str:
        """Return strict JSON in ASCII, the same for the same part: it survives any text."""
        raw = {
            "basis": asdict(self.basis),
            "part": self.group.number,
            "measurements": [measurement.as_dict() for measurement in self.measurements],
        }
        return json.dumps(raw, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Part:
        """Read what ``to_json`` wrote.

        Raises:
            ValueError: Not a part of this version. The message quotes no value.
        """
        try:
            raw: dict[str, Any] = json.loads(text)
            judged = tuple((str(name), str(kind)) for name, kind in raw["basis"]["judged"])
            basis = Basis(**{**raw["basis"], "judged": judged})
            group = ColumnGroup(raw["part"], basis.count)
            return cls(
                basis=basis,
                group=group,
                measurements=tuple(map(Measurement.from_dict, raw["measurements"])),
            )
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError) as exc:
            raise ValueError("not a part of an evaluation") from exc


def in_order(parts: Iterable[Part], columns: Iterable[str]) -> list[Measurement]:
    """Return the measurements of all parts in the order of the columns.

    Raises:
        ValueError: Some are of no such column, or of some columns there are none.
    """
    found: dict[str, list[Measurement]] = {name: [] for name in columns}
    for part in parts:
        for measurement in part.measurements:
            if measurement.column not in found:
                raise ValueError(f"part {part.group} holds measurements of other columns")
            found[measurement.column].append(measurement)
    # With all checks of columns turned off there are none at all.
    empty = [name for name, measurements in found.items() if not measurements]
    if 0 < len(empty) < len(found):
        raise ValueError(f"{len(empty)} of {len(found)} columns have no measurements")
    return [measurement for measurements in found.values() for measurement in measurements]
