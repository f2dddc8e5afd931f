"""What was measured, section by section, as a file: each with the machine and the day it ran on."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.trials import Row


@dataclass(frozen=True, slots=True)
class Section:
    """The rows of one section.

    Attributes:
        rows: In the order they are shown.
        machine: What they were measured on.
        at: When, UTC.
    """

    rows: Sequence[Row]
    machine: str
    at: str


@dataclass(frozen=True, slots=True)
class Results:
    """Sections by name; figures are compared within a section only, which ran as one."""

    sections: dict[str, Section] = field(default_factory=dict)

    def add(self, name: str, rows: Sequence[Row]) -> None:
        """Put the rows of a section that has just run in the place of older ones."""
        self.sections[name] = Section(
            rows, describe_machine(), f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        )

    def find(self, section: str, what: str, **key: int) -> Row | None:
        """Return the measured row of that name and key, such as its size; None without one."""
        if section not in self.sections:
            return None
        for row in self.sections[section].rows:
            if row.what == what and all(getattr(row, k) == v for k, v in key.items()):
                return row if row.costs else None
        return None

    def save(self, path: Path) -> None:
        """Write everything as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = {
            name: {
                "machine": own.machine,
                "at": own.at,
                "rows": [_rounded(row.as_dict()) for row in own.rows],
            }
            for name, own in self.sections.items()
        }
        path.write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read what ``save`` wrote; nothing where there is no file."""
        if not path.exists():
            return cls()
        raw = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            {
                name: Section(
                    [Row.from_dict(row) for row in own["rows"]], own["machine"], own["at"]
                )
                for name, own in raw.items()
            }
        )


def describe_machine() -> str:
    """Return processor, cores, memory and versions of what measures."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}, "
        f"Python {platform.python_version()}"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    """Leave away digits that no clock measures."""
    for cost in row["costs"]:
        for name, value in cost.items():
            cost[name] = value if value is None else round(value, 4)
    return row
