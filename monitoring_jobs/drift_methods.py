"""The drift methods, in one table: what files may name, and how a score of each is judged.

Names, kinds of columns, thresholds and comparisons are those of Evidently 0.7.23
(``evidently.legacy.calculations.stattests``). ``checks/drift.py`` holds the implementations.
"""

from __future__ import annotations

import difflib
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["numerical", "categorical"]

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_FLOATS = "values that are neither too large nor too close to each other for a float64"


@dataclass(frozen=True, slots=True)
class Method:
    """What is known of a drift method without computing it.

    Attributes:
        name: What files call it, and the metric of its measurements.
        kinds: The kinds of columns that it can compare.
        drift_when: How a drifted column's score compares with the threshold. A p-value speaks of
            drift where it is low, a distance where it is great; on the threshold itself the
            methods are not of one mind.
        threshold: The default.
        needs: What columns must have for it to be defined; empty where any two values will do.
    """

    name: str
    kinds: tuple[Kind, ...]
    drift_when: Literal["<", "<=", ">", ">="]
    threshold: float
    needs: str = ""

    @property
    def is_p_value(self) -> bool:
        """Whether the score is a p-value, and drift means a low one."""
        return self.drift_when.startswith("<")

    def is_drift(self, score: float, threshold: float) -> bool:
        """Say whether a score means drift."""
        return _COMPARISONS[self.drift_when](score, threshold)


_NUMERICAL: tuple[Kind, ...] = ("numerical",)
_CATEGORICAL: tuple[Kind, ...] = ("categorical",)
_BOTH: tuple[Kind, ...] = ("numerical", "categorical")
_SAME_ROWS = "as many values in the window as in the reference"

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        method.name: method
        for method in (
            Method("wasserstein", _NUMERICAL, ">=", 0.1, _FLOATS),
            Method("ed", _NUMERICAL, ">", 0.1, _FLOATS),
            Method("jensenshannon", _BOTH, ">=", 0.1, _FLOATS),
            Method("psi", _BOTH, ">=", 0.1, _FLOATS),
            Method("kl_div", _BOTH, ">=", 0.1, _FLOATS),
            Method("hellinger", _BOTH, ">=", 0.1, _FLOATS),
            Method("ks", _NUMERICAL, "<=", 0.05),
            Method("cramer_von_mises", _NUMERICAL, "<=", 0.1, "two values on either side"),
            Method("anderson", _NUMERICAL, "<", 0.1, "four values, two of them different"),
            Method("mannw", _NUMERICAL, "<", 0.05),
            Method("t_test", _NUMERICAL, "<", 0.05, "three values and a finite spread"),
            Method(
                "es",
                _NUMERICAL,
                "<",
                0.05,
                "five values on either side and a finite spread between the quartiles",
            ),
            Method("empirical_mmd", _NUMERICAL, "<", 0.1, f"two values on either side, {_FLOATS}"),
            Method("chisquare", _CATEGORICAL, "<", 0.05, "two labels"),
            Method("z", _CATEGORICAL, "<", 0.05),
            Method("g_test", _CATEGORICAL, "<", 0.1, f"two labels, and {_SAME_ROWS}"),
            Method("fisher_exact", _CATEGORICAL, "<", 0.1, f"two labels at most, and {_SAME_ROWS}"),
            Method("TVD", _CATEGORICAL, "<", 0.1),
        )
    }
)

# As Evidently's documentation spells what its code calls ``empirical_mmd``.
SPELLINGS: Mapping[str, str] = MappingProxyType({"emperical_mmd": "empirical_mmd"})


def names_for(kind: str) -> tuple[str, ...]:
    """Return the methods for a kind of column."""
    return tuple(method.name for method in METHODS.values() if kind in method.kinds)


def canonical_name(name: str) -> str:
    """Return the method's own name.

    Raises:
        ValueError: There is no such method; the message lists those that exist, the nearest first.
    """
    own = SPELLINGS.get(name, name)
    if own in METHODS:
        return own
    by_lower = {known.lower(): known for known in METHODS}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    hint = f"did you mean {by_lower[close[0]]!r}? " if close else ""
    raise ValueError(f"{name[:80]!r} is no drift method; {hint}known are {', '.join(METHODS)}")


def require_kind(name: str, kind: str) -> None:
    """Make sure that a method can compare a kind of columns.

    Raises:
        ValueError: It cannot; the message lists those that can.
    """
    suitable = names_for(kind)
    if name not in suitable:
        listed = ", ".join(suitable)
        raise ValueError(f"{name!r} is no method for {kind} columns; use one of {listed}")
