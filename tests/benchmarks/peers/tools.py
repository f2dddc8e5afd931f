"""Evidently, NannyML and whylogs, each in an environment of its own."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.processes import ROOT, Command
from tests.benchmarks.trials import TOO_LONG_SECONDS, Row, Trial

FOLDER = Path(__file__).parent
# Of the machine's memory; beyond that a peer would be measured while it swaps, or be killed.
_MEMORY_SHARE = 0.7
# What every tool can be expected to manage in minutes: a million rows of 30 columns.
_MOST_CELLS_UNKNOWN = 30_000_000


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool: its folder below ``peers/``, its name, and what is asked of it."""

    key: str
    name: str

    def python(self, environments: Path) -> Path:
        """Return the interpreter of its environment, which is made where it is missing.

        Raises:
            SystemExit: There is no uv, or it cannot install what is pinned.
        """
        folder = environments / self.key
        pinned = FOLDER / self.key / "requirements.txt"
        stamp, digest = folder / ".installed", hashlib.blake2b(pinned.read_bytes()).hexdigest()
        python = folder / "bin" / "python"
        if not stamp.exists() or stamp.read_text() != digest:
            shutil.rmtree(folder, ignore_errors=True)
            _uv("venv", "--quiet", "--python", "3.11", str(folder))
            _uv("pip", "sync", "--quiet", "--python", str(python), str(pinned))
            stamp.write_text(digest)
        return python

    def version(self) -> str:
        """Return the pinned version."""
        lines = (FOLDER / self.key / "requirements.txt").read_text().splitlines()
        return next(line.partition("==")[2] for line in lines if line.startswith(f"{self.key}=="))

    def trial(self, python: Path, data: Path, rows: int, columns: int) -> Trial:
        """Return the comparison of the window and the reference in a folder."""
        script = str(FOLDER / self.key / "compare.py")
        command = Command(
            [script, str(data), str(columns)], {"PYTHONWARNINGS": "ignore"}, str(python)
        )
        return Trial(what=self.name, stages=[[command]], rows=rows, columns=columns, rounds=3)


PEERS = (
    Peer("evidently", "Evidently, drift and summary presets"),
    Peer("nannyml", "NannyML, univariate drift"),
    Peer("whylogs", "whylogs, profiles and drift"),
)


def too_large(
    peer: Peer, rows: int, columns: int, known: list[Row], longest: float = TOO_LONG_SECONDS
) -> str:
    """Say why a peer is left out at a size, by what smaller ones took; empty if it is not.

    Args:
        peer: The tool.
        rows: Of each side.
        columns: Of each side.
        known: What was measured so far.
        longest: Seconds that it may take.
    """
    cells = rows * columns
    # Of the same width: a column may cost a tool more than its rows do.
    same = [row for row in known if row.what == peer.name and row.columns == columns and row.costs]
    own = [row for row in same if row.rows < rows]
    if len({_cells(row) for row in own}) < 2:
        return "" if cells <= _MOST_CELLS_UNKNOWN else "left out: no smaller size tells its time"
    least, most = min(own, key=_cells), max(own, key=_cells)
    # Start-up is in the least; only what comes on top of it grows.
    factor = (cells - _cells(least)) / (_cells(most) - _cells(least))
    seconds = least.seconds + (most.seconds - least.seconds) * factor
    megabytes = least.megabytes + (most.megabytes - least.megabytes) * factor
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6
    if seconds > longest:
        return f"left out: would take about {seconds / 60:.0f} minutes"
    if megabytes > memory * _MEMORY_SHARE:
        return f"left out: would need about {megabytes / 1000:.0f} GB"
    return ""


def _cells(row: Row) -> int:
    return row.rows * row.columns


def _uv(*arguments: str) -> None:
    beside = Path(sys.executable).parent / "uv"
    uv = shutil.which("uv") or (str(beside) if beside.exists() else None)
    if uv is None:
        raise SystemExit("the peers' environments are made by uv, which is not installed")
    if subprocess.run([uv, *arguments], cwd=ROOT, check=False).returncode:
        raise SystemExit(f"uv {' '.join(arguments)} failed; --no-peers measures without them")
