"""What the generated data look like; peers import it, so it needs the standard library alone."""

from __future__ import annotations

from datetime import UTC, datetime

# The day of a single window, and the first of the ninety that a backfill goes over.
START = datetime(2026, 11, 20, tzinfo=UTC)
FIRST_DAY = datetime(2026, 8, 1, tzinfo=UTC)

ROW_GROUP = 131_072
SEGMENTS = 20


def names(columns: int) -> tuple[list[str], list[str]]:
    """Return the numerical and the categorical columns; one in three is categorical."""
    categorical = columns // 3
    return (
        [f"number_{n}" for n in range(columns - categorical)],
        [f"category_{n}" for n in range(categorical)],
    )
