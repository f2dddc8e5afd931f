"""Numbers between arrow and numpy by their buffers.

pyarrow's own conversions (``to_numpy``, ``pa.array``, ``pa.scalar``) import pandas wherever it is
installed. That takes longer than to judge a hundred thousand rows, and nothing here needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_NAMES = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
_NAMES += ["float32", "float64"]
_DTYPES = {pa.from_numpy_dtype(np.dtype(name)): np.dtype(name) for name in _NAMES}


def to_numpy(values: pa.Array | pa.ChunkedArray, *, null: float) -> NDArray[Any]:
    """Return integers or floats with ``null`` where there is none.

    A view, which cannot be written to, where there is one chunk without nulls; else a copy, which
    belongs to the caller.

    Args:
        values: Of one of these types, no booleans.
        null: A value of their type.
    """
    if isinstance(values, pa.ChunkedArray):
        if values.num_chunks == 1:
            return to_numpy(values.chunk(0), null=null)
        whole = np.empty(len(values), dtype=_DTYPES[values.type])
        start = 0
        for chunk in values.chunks:
            whole[start : start + len(chunk)] = to_numpy(chunk, null=null)
            start += len(chunk)
        return whole
    validity, data = values.buffers()
    dtype = _DTYPES[values.type]
    numbers = np.frombuffer(
        data or b"", dtype, count=len(values), offset=values.offset * dtype.itemsize
    )
    if not values.null_count:
        numbers.flags.writeable = False  # some buffers could be, but the values are the caller's
        return numbers
    begin, bits = values.offset % 8, np.frombuffer(validity, np.uint8)[values.offset // 8 :]
    valid = np.unpackbits(bits, count=begin + len(values), bitorder="little")[begin:]
    numbers = numbers.copy()
    numbers[valid == 0] = null
    return numbers


def to_arrow(numbers: NDArray[Any]) -> pa.Array:
    """Return integers or floats as an arrow array that shares their memory."""
    data = pa.py_buffer(np.ascontiguousarray(numbers))
    return pa.Array.from_buffers(pa.from_numpy_dtype(numbers.dtype), numbers.size, [None, data])


def to_mask(booleans: NDArray[np.bool_]) -> pa.BooleanArray:
    """Return booleans as an arrow array."""
    bits = pa.py_buffer(np.packbits(booleans, bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), booleans.size, [None, bits])


def to_strings(texts: Sequence[str | None]) -> pa.LargeStringArray:
    """Return texts as an arrow array; None becomes a null."""
    encoded = [b"" if text is None else text.encode() for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    present = np.array([text is not None for text in texts], dtype=np.bool_)
    validity = None if present.all() else to_mask(present).buffers()[1]
    buffers = (pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)), validity)
    return pa.LargeStringArray.from_buffers(len(encoded), *buffers)
