"""What a column is reduced to once, and the drift scores between two such reductions.

Pure computation on numpy and arrow arrays: no files, no clocks, no settings.
"""

from __future__ import annotations

import pyarrow as pa

from monitoring_jobs.statistics.categorical import CategoricalColumn, count_duplicates
from monitoring_jobs.statistics.numeric import NumericColumn

ColumnStatistics = NumericColumn | CategoricalColumn


def statistics_of(values: pa.Array | pa.ChunkedArray) -> ColumnStatistics:
    """Reduce a column as the dataset layer reads it.

    Args:
        values: Numbers for a numerical column, strings (dictionary-encoded or plain) for a
            categorical one.

    Raises:
        TypeError: The values are of another type.
    """
    kind = values.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        return NumericColumn.from_arrow(values)
    label = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_string(label) or pa.types.is_large_string(label):
        return CategoricalColumn.from_arrow(values)
    raise TypeError(f"no statistics for a column of type {kind}")


__all__ = [
    "CategoricalColumn",
    "ColumnStatistics",
    "NumericColumn",
    "count_duplicates",
    "statistics_of",
]
