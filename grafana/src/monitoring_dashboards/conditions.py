"""SQL that many queries share: which windows, monitors, segments and columns are meant."""

from __future__ import annotations


def among(expression: str, variable: str) -> str:
    """Return SQL that keeps the rows whose text is among the values chosen.

    A variable that takes several values is empty where there is nothing to choose: ``IN ()`` would
    be an error then, and this is simply true of no row.
    """
    chosen = f"UNNEST(ARRAY[${{{variable}:sqlstring}}]::text[]) AS chosen"
    return f"{expression} = ANY (ARRAY(SELECT {_unescaped('chosen')} FROM {chosen}))"


def _unescaped(text: str) -> str:
    """Return SQL that undoes what ``sqlstring`` does to a double quote, which needs no escape."""
    return f"REPLACE({text}, '\\\"', '\"')"


# A time range of exactly one window, as links into a dashboard give it, must not catch the next.
IN_RANGE = "$__timeFilter(window_start) AND window_start < $__timeTo()"
# Windows may overlap: the range of one of them also holds the starts of later ones.
NEWEST_FIRST = "window_end <= $__timeTo() DESC, window_end DESC, window_start DESC"
# Where one is chosen, equality: unlike a list it carries over to the other side of a join.
MONITOR = "monitor = ${monitor:sqlstring}"
# No name of a monitor holds a quote, and the planner knows plain values better.
MONITORS = "monitor = ANY (ARRAY[${monitor:sqlstring}]::text[])"
SEGMENT = f"segment = {_unescaped('${segment:sqlstring}')}"
# Of models that are known by name; what has none (null) is left out.
MODELS = among("model_name", "model")
FEATURES = among("column_name", "feature")
VERSIONS = among("COALESCE(model_version, '')", "version")

# A common table expression: the newest judged window of each monitor within the time range.
NEWEST = f"""newest AS (
                    SELECT DISTINCT ON (monitor)
                        monitor, window_start, window_end, status, rows_current, evaluation_id
                    FROM evaluations
                    WHERE {MONITORS} AND {IN_RANGE}
                    ORDER BY monitor, {NEWEST_FIRST}
                )"""
