"""Images in CellProfiler's LoadData: takes the columns that name them, makes cells of `sites.csv`, with pages and addresses."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from gandl.source.formats.tables.prefixes import Rewrite, is_absolute, is_address, rewritten, with_slashes
from gandl.source.plates.contents import ContentsError, pages_of_series
from gandl.source.plates.state import ILLUMINATION, PREFIX
from gandl.source.plates.tabular.text_table import Table, value

COLUMN = re.compile(r"(?:Image_)?(FileName|PathName|URL|Frame|Series)_(.+)")
_ORIGINAL = re.compile(r"^Orig(?=[A-Z0-9_])")
BUCKET = re.compile(r"s3://([^/]+)/(.*)")
_PLAIN = "/:=,@()~!$&'*"
"""Characters of a path that an address holds as they are, beside letters, digits and `_.-`."""


@dataclass(frozen=True)
class Image:
    """An image of a row: its column in `sites.csv`, and the columns of LoadData that name it."""

    column: str
    name: str | None
    folder: str | None
    url: str | None
    frame: str | None
    series: str | None


def images_of(header: Sequence[str]) -> tuple[list[Image], list[str]]:
    """The images of a row, in the order of their columns, and mistakes: two columns of one channel."""
    kinds: dict[str, dict[str, str]] = {}
    for name in header:
        if match := COLUMN.fullmatch(name):
            kinds.setdefault(match[2], {}).setdefault(match[1], name)
    found: dict[str, str] = {}
    images, mistakes = [], []
    for written, columns in kinds.items():
        if not {"FileName", "URL"} & set(columns):
            continue
        light = written.removeprefix("Illum") if written.startswith("Illum") else ""
        column = f"{ILLUMINATION}{light}" if light else f"{PREFIX}{_ORIGINAL.sub('', written, count=1)}"
        if column in found:
            mistakes.append(f"row 1: the columns of {found[column]} and {written} both mean {column}; drop one of them")
        found[column] = written
        names = (columns.get(kind) for kind in ("FileName", "PathName", "URL", "Frame", "Series"))
        images.append(Image(column, *names))
    return images, mistakes


class Cells:
    """Makes the cells that name images in `sites.csv`.

    Parameters
    ----------
    table : LoadData. images : their columns. rewrites : of prefixes. unused : channels whose files do not matter.

    Attributes
    ----------
    named : paths on this machine that the cells of images (`file_`) and illumination functions (`illum_`) name.
    """

    def __init__(
        self, table: Table, images: Sequence[Image], rewrites: Sequence[Rewrite], unused: Collection[str] = ()
    ) -> None:
        self._unused = {f"{kind}{channel}" for kind in (PREFIX, ILLUMINATION) for channel in unused}
        self._folder, self._images, self._rewrites = table.path.parent, images, rewrites
        self._used: set[Rewrite] = set()
        self._begins: list[str] = []
        self._buckets: set[str] = set()
        self._series: dict[str, list[list[int]]] = {}
        self.named: dict[str, list[str]] = {PREFIX: [], ILLUMINATION: []}

    def of_row(self, line: int, cells: Mapping[str, str], mistakes: list[str]) -> dict[str, str]:
        row = {}
        for image in self._images:
            path = self._path(image, cells)
            try:
                page = self._page(image, cells, path) if path else None
            except ValueError as error:
                mistakes.append(f"row {line}: {error}")
                page = None
            row[image.column] = path if page is None else f"{path}#{page}"
        return row

    def _path(self, image: Image, cells: Mapping[str, str]) -> str:
        """Where an image is: an address, an absolute path, or one relative to the table's folder; "" if the row names none."""
        path = _as_written(*(value(cells, column) for column in (image.folder, image.name, image.url)))
        if path:
            self._begins.append(path)
        at_address = _is_web(path)
        path, rewrite = rewritten(path, self._rewrites)
        if rewrite is not None:
            self._used.add(rewrite)
            if at_address and not _is_web(path):
                path = unquote(path)
            if not is_address(path) and not is_absolute(path):
                path = os.path.relpath(path, self._folder)
        if bucket := BUCKET.fullmatch(path):
            self._buckets.add(bucket[1])
            path = f"https://{bucket[1]}.s3.amazonaws.com/{quote(bucket[2], _PLAIN)}"
        elif _is_web(path) and not at_address:
            path = quote(path, _PLAIN)
        if path and not is_address(path):
            if image.column not in self._unused:
                self.named[PREFIX if image.column.startswith(PREFIX) else ILLUMINATION].append(path)
            # refused by its prefix, not once for each row
            path = f"/{path}" if re.match(r"[A-Za-z]:/", path) else path
        return path

    def _page(self, image: Image, cells: Mapping[str, str], path: str) -> int | None:
        """The page (from 1) that frame and series (from 0) mean; None where the row gives neither."""
        numbers = []
        for column in (image.frame, image.series):
            text = value(cells, column).removesuffix(".0")
            if text and not text.isdecimal():
                raise ValueError(f"{column} is {text!r}; frames and series count from 0")
            numbers.append(int(text) if text else None)
        frame, series = numbers
        if series:
            return self._page_of_series(image, series, frame or 0, path)
        if numbers == [None, None] or (image.column.startswith(ILLUMINATION) and not frame):
            return None
        return (frame or 0) + 1

    def _page_of_series(self, image: Image, series: int, frame: int, path: str) -> int | None:
        """The page of a frame of a series, as the file itself numbers them; None where there is no such file.

        Raises
        ------
        ValueError : the file does not show which page it is.
        """
        where = self._folder / path
        remedy = f"name the page in {image.frame or 'a column Frame_*'}, from 0, and no series"
        if is_address(path):
            raise ValueError(f"{image.series} is {series}, which page of {path} that is cannot be seen; {remedy}")
        if not where.is_file():  # reported as missing
            return None
        try:
            if path not in self._series:
                self._series[path] = pages_of_series(where)
            return self._series[path][series][frame]
        except ContentsError as error:
            raise ValueError(f"{image.series} is {series}, but {error}; {remedy}") from error
        except IndexError:
            counts = ", ".join(str(len(pages)) for pages in self._series[path])
            raise ValueError(
                f"{image.series} is {series} and the frame {frame}, but {path} has series of {counts} pages"
            ) from None

    def unused_rewrites(self) -> list[str]:
        """A sentence for every rewrite that fits no path."""
        unused = [rewrite for rewrite in self._rewrites if rewrite not in self._used]
        begins = self._begins[0] if self._begins else ""
        return [f"--rewrite {each.old}={each.new} fits no path; the first is {begins}" for each in unused]

    def notes(self) -> list[str]:
        return [
            f"s3://{bucket}/ is read as https://{bucket}.s3.amazonaws.com/, which works for public buckets"
            for bucket in sorted(self._buckets)
        ]


def _as_written(folder: str, name: str, url: str) -> str:
    """The path that a row's cells give: one written with /, or an address whose path is percent-encoded.

    The address in a column `URL_` is taken as it is, except that a # in it belongs to the name; so is a folder, but a file's name
    is no address, and is encoded.
    """
    if url.startswith("file:"):
        path = unquote(urlsplit(url.replace("#", "%23").replace("?", "%3F")).path)
        return path.removeprefix("/") if re.match(r"/[A-Za-z]:/", path) else path
    if url:
        return _without_marks(url) if _is_web(url) else url
    if not name:
        return ""
    folder, name = with_slashes(folder).rstrip("/") or folder, with_slashes(name)
    if _is_web(folder):
        folder, name = _without_marks(folder).replace("?", "%3F").replace("+", "%2B"), quote(name, _PLAIN)
    return "/".join(filter(None, (folder, name)))


def _without_marks(address: str) -> str:
    """An address in which #, blanks, | and a % that encodes nothing are encoded."""
    return re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", address).replace("#", "%23").replace(" ", "%20").replace("|", "%7C")


def _is_web(path: str) -> bool:
    return path.startswith(("https://", "http://"))
