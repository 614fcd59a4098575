"""Pixels as they are stored: takes values of any kind of number, gives 8 or 16 bit, exactly or by the one scale of the run."""

from __future__ import annotations

import numpy as np

from gandl.images.files.kinds import ImageFileError, Reading
from gandl.images.files.planes import where_in

HIGHEST = 65535


def stored(
    image: np.ndarray, reading: Reading, path: str, function: np.ndarray | None = None
) -> tuple[np.ndarray, int]:
    """The values that an image is stored with.

    Without scale and illumination function, those of the file, which must be whole numbers from 0 to 65,535. Else
    `value * scale / function`, in float64, rounded half to even; what an illumination function makes larger than the type holds
    becomes the largest value.

    Parameters
    ----------
    image : (y, x), not negative. reading : settings of the run. path : what messages begin with.
    function : illumination function (y, x), above 0; None: none.

    Returns
    -------
    (y, x) of the type `reading.stored_type`, and how many pixels were set to the largest value.

    Raises
    ------
    ImageFileError : a value is not whole, or too large; with its place (y, x).
    """
    kind = np.dtype(reading.stored_type(image.dtype.name))
    if reading.scale is None:
        _refuse_inexact(image, path)
        if function is None:
            return image.astype(kind, copy=False), 0
    values = image.astype(np.float64)
    if reading.scale is not None:
        values *= reading.scale
        too_large = np.rint(values) > HIGHEST
        if too_large.any():
            raise ImageFileError(
                f"{path} holds values that source.plates.scale ({reading.scale:g}) makes larger than {HIGHEST:,}: "
                f"{where_in(image, too_large)}"
            )
    if function is not None:
        values /= function
    np.rint(values, out=values)
    most = np.iinfo(kind).max
    clipped = int((values > most).sum())
    return np.minimum(values, most).astype(kind), clipped


def _refuse_inexact(image: np.ndarray, path: str) -> None:
    if image.dtype.kind == "f":
        broken = image != np.rint(image)
        if broken.any():
            scale = "65535" if image.max() <= 1 else "1 (which rounds them)"
            raise ImageFileError(
                f"{path} holds fractional values ({where_in(image, broken)}); say which factor makes whole numbers up to 65,535 "
                f"of all images: source.plates.scale: {scale}"
            )
    if image.max().item() > HIGHEST:
        raise ImageFileError(
            f"{path} holds values above {HIGHEST:,} ({where_in(image, image > HIGHEST)}); say which factor makes all images fit "
            "into 16 bit: source.plates.scale, such as 0.5"
        )
