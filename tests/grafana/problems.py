"""What is wrong with a dashboard, and how a person reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import indent


class QueryFailed(Exception):
    """The datasource, or Grafana's backend before it, refused a query."""


@dataclass(frozen=True)
class Problem:
    """Something that a person would see as an error or as nothing.

    Attributes:
        where: Panel, variable or annotation, with the letter of the query.
        reason: What is wrong.
        query: As it was sent, or as it stands where it could not be.
    """

    where: str
    reason: str
    query: str = ""

    def __str__(self) -> str:
        return described([self])


def described(problems: Sequence[Problem]) -> str:
    """Return problems as a person reads them: each query once, below all that is wrong with it."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for problem in problems:
        reasons.setdefault((problem.where, problem.query), []).append(problem.reason)
    return "\n".join(
        "\n".join([*(f"{where}: {reason}" for reason in all_of), indent(query.strip(), "    ")])
        for (where, query), all_of in reasons.items()
    )
