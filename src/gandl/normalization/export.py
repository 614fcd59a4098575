"""Export: takes a profile table and the sites table, makes the same profiles as the field's tools name and read them.

Pycytominer, copairs and CytoTable know two kinds of columns: what begins with `Metadata_` describes a row, everything else is a
feature; pycytominer finds features by itself where they begin with `Cells_`, `Nuclei_` or `Cytoplasm_` (`infer_cp_features`).
Some thousand rows are held at a time (AnnData: the whole table).
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from gandl.embeddings.metadata import feature_metadata, feature_names, parquet_writer
from gandl.tables import SITES
from gandl.tables.notes import note_of
from gandl.workflow.files import atomic

CONTROL_TYPES = {"negative": "negcon", "positive": "poscon"}
"""JUMP's words for controls; a treated well is `trt`."""
TREATED, UNTREATED = "trt", "untreated"
NAMES = {
    "well": "Metadata_Well",
    "site": "Metadata_Site",
    "control": "Metadata_control_type",
    "experiment": "Metadata_Batch",
    "row": "Metadata_Row",
    "column": "Metadata_Col",
    "plate": "Metadata_plate_number",
}
"""Columns that JUMP's tables have by another name, in the order in which they come first; DuckDB, in copairs, does not tell
`Metadata_plate` from `Metadata_Plate`."""
INTERNAL = ("store_id", "table_row")
OF_AN_IMAGE = ("file", "path", "page", "select", "planes", "illum")
"""What a lab's sites table says of the image of a channel, in columns `<kind>_<channel>`."""
GZIP_LEVEL = 1
"""Numbers hardly compress: level 6 takes five times as long for a tenth less."""

ROWS = 4096
"""Rows that are written at once, at least: a row group per small plate would need more memory for their description."""


class ExportError(ValueError):
    """Profiles cannot be exported; the message says what is missing."""


def export_profiles(profiles: Path, sites: Path, outputs: Sequence[Path], origin: Mapping[str, str]) -> None:
    """Write a profile table as pycytominer reads it, once per output.

    Parameters
    ----------
    profiles : parquet, of wells or of sites (`gandl.tables.WELL_PROFILES`, `gandl.tables.SITE_PROFILES`).
    sites : the sites table; it says which columns belong to images.
    outputs : the ending decides: `.parquet`, `.csv.gz` (UTF-8; float32 as its shortest decimal number) or `.h5ad` (AnnData: obs
        holds the metadata, X the features, uns the origin). The same input gives the same bytes, but for `.h5ad`.
    origin : where the profiles come from, kept in the metadata of the file (`.csv.gz` has none). `images` (such as "simulated")
        is also a column, in every row.

    Raises
    ------
    ExportError : `.h5ad` without the package anndata.
    """
    if any(path.name.endswith(".h5ad") for path in outputs) and find_spec("anndata") is None:
        raise ExportError(
            ".h5ad files are written by the package anndata, which is not installed: .venv/bin/python -m pip install anndata"
        )
    file = pq.ParquetFile(profiles)
    named = metadata_names(file.schema_arrow.names, _of_images(sites), _name_of_plates(sites))
    features = exported_features(profiles)
    notes = {**feature_metadata(profiles), **{key: value for key, value in origin.items() if value}}
    with ExitStack() as stack:
        writers: list[Any] = []
        for part in _parts(file, [*named, *_columns(len(features))]):
            rows = _renamed(part, named, features, origin)
            if not writers:
                form = rows.schema.with_metadata(notes)
                writers = [
                    stack.enter_context(_writer(stack.enter_context(atomic(path)), path, form)) for path in outputs
                ]
            for writer in writers:
                writer.write_table(rows.replace_schema_metadata(notes))


def metadata_names(columns: Sequence[str], left_out: Sequence[str] = (), plate: str = "plate_id") -> dict[str, str]:
    """The exported name of every column that is kept and no feature, those with a name of the field's own first.

    Parameters
    ----------
    columns : of a profile table. left_out : those that do not describe its rows. plate : the one that names plates.
    """
    names = {plate: "Metadata_Plate", **NAMES}
    kept = [name for name in columns if name not in (*INTERNAL, *left_out) and not re.fullmatch(r"feature_\d+", name)]
    first = [name for name in names if name in kept]
    return _distinct({name: names.get(name) or _prefixed(name) for name in [*first, *kept]}, "_own")


def exported_features(profiles: Path) -> list[str]:
    """Names of the features, in order: `Cells_<featurizer>_<its name for the feature>`, of letters, digits and underscores."""
    featurizer = feature_metadata(profiles).get("featurizer", "gandl")
    plain = [re.sub(r"\W+", "_", f"Cells_{featurizer}_{name}") for name in feature_names(profiles)]
    return list(_distinct(dict(enumerate(plain)), "_other").values())


def _prefixed(name: str) -> str:
    return name if name.startswith("Metadata_") else f"Metadata_{name}"


def _distinct(names: Mapping[Any, str], suffix: str) -> dict[Any, str]:
    """The same names, those that another has, but for capitals, with a suffix."""
    taken: set[str] = set()
    distinct = {}
    for key, name in names.items():
        while name.lower() in taken:
            name += suffix
        taken.add(name.lower())
        distinct[key] = name
    return distinct


def _of_images(sites: Path) -> list[str]:
    """Columns of a sites table that describe images, not wells: files, and what differs between the sites of a well."""
    files = {f"{kind}_{channel}" for channel in note_of(sites, "channels") for kind in OF_AN_IMAGE}
    own = [name for name in pq.read_schema(sites).names if name not in (*SITES.names, *files)]
    wells = _codes(sites, "well_id")
    first = np.full(wells.max(initial=0) + 1, -1)
    differing = []
    for name in own:
        values = _codes(sites, name)
        first[wells[::-1]] = values[::-1]
        if not np.array_equal(first[wells], values):
            differing.append(name)
    return [*files, *differing]


def _name_of_plates(sites: Path) -> str:
    """A lab knows its plates by their own names; where two experiments share one, or a screen has none, `plate_id` it is."""
    if "plate_name" not in pq.read_schema(sites).names:
        return "plate_id"
    names, ids = (np.unique(_codes(sites, column)) for column in ("plate_name", "plate_id"))
    return "plate_name" if len(names) == len(ids) else "plate_id"


def _codes(table: Path, column: str) -> np.ndarray:
    """(n,) a whole number for every distinct value of a column, no value being one, too."""
    values = pq.read_table(table, columns=[column])[column].combine_chunks()
    return pc.fill_null(values.dictionary_encode().indices, -1).to_numpy(zero_copy_only=False)


def _parts(file: pq.ParquetFile, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Row groups, so many together that they have enough rows; `iter_batches` would keep what it has read."""
    held: list[pa.Table] = []
    for group in range(file.num_row_groups):
        held.append(file.read_row_group(group, list(columns)))
        if sum(map(len, held)) >= ROWS:
            yield pa.concat_tables(held).combine_chunks()
            held = []
    if held:
        yield pa.concat_tables(held).combine_chunks()


def _columns(dim: int) -> list[str]:
    return [f"feature_{i}" for i in range(dim)]


def _renamed(rows: pa.Table, named: Mapping[str, str], features: Sequence[str], origin: Mapping[str, str]) -> pa.Table:
    """Rows as they are exported: metadata without empty treatments, the word for simulated images, features."""
    treatment = rows["treatment"].cast(pa.string())
    changed = {
        "treatment": pc.fill_null(treatment, UNTREATED),
        "compound": pc.fill_null(rows["compound"].cast(pa.string()), UNTREATED),
        "control": _control_types(rows["control"], treatment),
    }
    columns = {new: changed.get(old, rows[old]) for old, new in named.items()}
    columns = {
        name: column.cast(pa.string()) if pa.types.is_null(column.type) else column for name, column in columns.items()
    }
    if origin.get("images"):
        columns["Metadata_images"] = pa.array([origin["images"]] * len(rows))
    columns |= {new: rows[old] for old, new in zip(_columns(len(features)), features, strict=True)}
    return pa.table(columns)


def _control_types(control: pa.ChunkedArray, treatment: pa.ChunkedArray) -> pa.ChunkedArray:
    """Copairs refuses columns with empty cells, so wells that are neither control nor treated have a word as well."""
    types = pc.if_else(pc.is_null(treatment), UNTREATED, TREATED)
    for ours, theirs in CONTROL_TYPES.items():
        types = pc.if_else(pc.equal(control, ours), theirs, types)
    return types


def _writer(partial: Path, path: Path, form: pa.Schema) -> Any:
    """A context manager with `write_table`."""
    if path.name.endswith(".parquet"):
        return parquet_writer(partial, form)
    if path.name.endswith(".csv.gz"):
        return _CsvWriter(partial, form)
    if path.name.endswith(".h5ad"):
        return _AnnDataWriter(partial)
    raise ExportError(f"{path}: profiles are exported as .parquet, .csv.gz or .h5ad")


class _CsvWriter(ExitStack):
    """Compressed without time and name, so that the same rows give the same bytes."""

    def __init__(self, path: Path, form: pa.Schema) -> None:
        super().__init__()
        file = self.enter_context(path.open("wb"))
        zipped = self.enter_context(gzip.GzipFile("", "wb", GZIP_LEVEL, file, mtime=0))
        options = pa.csv.WriteOptions(quoting_style="needed", quoting_header="needed")
        self.write_table = self.enter_context(pa.csv.CSVWriter(zipped, form, write_options=options)).write_table


class _AnnDataWriter:
    """Collects all rows, since AnnData writes a table as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parts: list[pa.Table] = []

    def __enter__(self) -> _AnnDataWriter:
        return self

    def write_table(self, rows: pa.Table) -> None:
        self._parts.append(rows)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            return
        import anndata  # type: ignore[import-not-found, unused-ignore]
        import pandas as pd

        rows = pa.concat_tables(self._parts)
        obs = [name for name in rows.column_names if name.startswith("Metadata_")]
        features = [name for name in rows.column_names if name not in obs]
        frame = rows.select(obs).to_pandas(strings_to_categorical=True)
        numbered = frame.set_index(frame.index.astype(str))  # AnnData wants text; pycytominer, numbers
        table = anndata.AnnData(
            rows.select(features).to_pandas().to_numpy(np.float32),
            obs=numbered,
            var=pd.DataFrame(index=features),
            uns={name.decode(): value.decode() for name, value in rows.schema.metadata.items()},
        )
        table.write_h5ad(self._path)
