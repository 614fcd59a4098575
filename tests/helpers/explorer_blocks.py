"""A page of the explorer taken apart: its packed columns, unpacked as `static/data.js` does it in the browser."""

from __future__ import annotations

import base64
import json
import zlib
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from gandl.explorer import packing


def unpack(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))


def from_planes(text: str, width: int) -> np.ndarray:
    """As `fromPlanes`."""
    planes = np.frombuffer(unpack(text), np.uint8).reshape(width, -1).astype(np.uint32)
    return np.sum([planes[k] << np.uint32(8 * k) for k in range(width)], axis=0).astype(np.uint32)


def from_fixed_point(text: str) -> np.ndarray:
    """As `fromFixedPoint`."""
    code = from_planes(text, 4).astype(np.int64)
    whole = np.where(code % 2 == 1, -(code + 1) // 2, code // 2)
    return np.where(code == 2**32 - 1, np.nan, whole / 10**packing.DECIMALS)


class Blocks(HTMLParser):
    """The packed columns of a page by name, its document, and every address in an attribute."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.addresses: list[str] = []
        self._name = ""
        self.feed(page.read_text(encoding="utf-8"))
        self.about = json.loads(self.found["about"])

    @property
    def well_ids(self) -> list[str]:
        return str(json.loads(unpack(self.found["well_id"]))).split("\n")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self._name = (values.get("data-block") or values.get("id") or "") if tag == "script" else ""
        self.addresses += [values[name] or "" for name in ("src", "href") if name in values]

    def handle_data(self, data: str) -> None:
        if self._name:
            self.found[self._name] = self.found.get(self._name, "") + data
