"""Packing: takes arrays and tables, makes text that a page can hold and a browser unpacks (`static/data.js` is the other side).

Bytes are sorted into planes (all lowest bytes first, then the next), deflated and written in base 64: neighbouring numbers of a
screen share their high bytes, so these cost almost nothing.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

NOTHING = -(2**31)
"""Stands for a number that is missing, among numbers of fixed point."""
DECIMALS = 3
"""Decimals that scores keep: more than their plots or intervals resolve."""
LEVEL = 6
"""Of zlib; 9 is hardly smaller and takes three times as long."""


def fixed_point(values: npt.ArrayLike) -> str:
    """Numbers of any shape in C order, rounded to `DECIMALS`, as 32-bit integers in planes; what is not finite is missing."""
    scaled = np.rint(np.asarray(values, dtype=np.float64).ravel() * 10**DECIMALS)
    limit = 2**31 - 1
    whole = np.where(np.isfinite(scaled), np.clip(scaled, -limit, limit), NOTHING).astype(np.int64)
    zigzag = np.where(whole == NOTHING, 2**32 - 1, np.where(whole < 0, -2 * whole - 1, 2 * whole))
    return planes(zigzag.astype(np.uint32))


def planes(values: npt.NDArray[Any]) -> str:
    """Unsigned integers of 1, 2 or 4 bytes, plane by plane."""
    flat = np.ascontiguousarray(values.ravel()).astype(values.dtype.newbyteorder("<"))
    by_byte = flat.view(np.uint8).reshape(len(flat), flat.dtype.itemsize)
    return _text(np.ascontiguousarray(by_byte.T).tobytes())


def codes(values: npt.ArrayLike) -> str:
    """Codes from 0 as 16-bit integers in planes; -1 (none) becomes 65535.

    Raises
    ------
    ValueError : there are more than 65,535 different ones.
    """
    array = np.asarray(values, dtype=np.int64)
    if len(array) and array.max() >= 2**16 - 1:
        raise ValueError(f"the page holds at most 65,535 different values in a column, not {array.max() + 1:,}")
    return planes(np.where(array < 0, 2**16 - 1, array).astype(np.uint16))


def document(value: Any) -> str:
    """Anything that JSON can hold, packed."""
    return _text(json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode())


def plain(value: Any) -> str:
    """JSON as it stands within a script element: nothing in it can end the element."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


def _text(raw: bytes) -> str:
    return base64.b64encode(zlib.compress(raw, LEVEL)).decode("ascii")
