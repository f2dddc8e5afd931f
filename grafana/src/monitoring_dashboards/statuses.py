"""How a status looks: the same word, color and number on every dashboard."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models.dashboard import (
    Threshold,
    ThresholdsConfig,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

# Grafana's named colors adapt to the light and the dark theme; the shades are legible on both.
GREEN, YELLOW, ORANGE, RED = "green", "dark-yellow", "orange", "red"
PURPLE, BLUE, GRAY = "semi-dark-purple", "blue", "#8e8e8e"

# Worst first: also the order of `state_rank` in the view monitor_status.
COLORS: Mapping[str, str] = {
    "error": PURPLE,
    "failed": RED,
    "overdue": ORANGE,
    "warning": YELLOW,
    "insufficient_data": BLUE,
    "skipped": GRAY,
    "ok": GREEN,
}
WORDS: Mapping[str, str] = {name: name.replace("_", " ") for name in COLORS}
# What a chart over time draws for a status: charts take numbers only.
CODES: Mapping[str, int] = {name: code for code, name in enumerate(COLORS)}


def code(column: str) -> str:
    """Return SQL that turns a status into its number in :data:`CODES`."""
    names = ", ".join(f"'{name}'" for name in CODES)
    return f"array_position(ARRAY[{names}], {column}) - 1"


def by_name() -> list[ValueMapping]:
    """Return the mapping for a column that holds a status as text."""
    return words({name: (WORDS[name], color) for name, color in COLORS.items()})


def by_code() -> list[ValueMapping]:
    """Return the mapping for a series that holds a status as its number."""
    return words({str(CODES[name]): (WORDS[name], color) for name, color in COLORS.items()})


def up_or_down() -> list[ValueMapping]:
    """Return the mapping for Prometheus' ``up`` and gauges like it."""
    return words({"0": ("down", RED), "1": ("up", GREEN)})


def yes_or_no(yes: tuple[str, str], no: tuple[str, str]) -> list[ValueMapping]:
    """Return the mapping for 1/0 and true/false, each with its word and color."""
    return words({"1": yes, "true": yes, "0": no, "false": no})


def words(meanings: Mapping[str, tuple[str, str]]) -> list[ValueMapping]:
    """Return the mapping of values to a word and a color."""
    results = {
        value: ValueMappingResult(text=text, color=color, index=index)
        for index, (value, (text, color)) in enumerate(meanings.items())
    }
    return [ValueMap(options=results)]


class Steps(builders.ThresholdsConfig):
    """Colors by value: ``Steps(GREEN, (0.5, RED))`` is green, and red from 0.5 up."""

    def __init__(self, below: str, *steps: tuple[float, str]) -> None:
        super().__init__()
        self._internal = ThresholdsConfig(
            mode=ThresholdsMode.ABSOLUTE,
            steps=[Threshold(value=None, color=below)]
            + [Threshold(value=value, color=color) for value, color in steps],
        )
