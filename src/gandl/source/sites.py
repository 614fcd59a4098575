"""The sites table of any screen: takes its name, the settings of its source and its raw files, calls the screen's own reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gandl.config import (
    Bbbc021Settings,
    CellLinesSettings,
    ClassFoldersSettings,
    Dataset,
    PlatesSettings,
    RxRx1Settings,
    RxRx19aSettings,
)


def write_sites_of(dataset: str, settings: Mapping[str, Any], raw: Sequence[Path], output: Path) -> None:
    """Write the sites table of a screen.

    Parameters
    ----------
    dataset : its name.
    settings : its section of `source`, as plain values.
    raw : the files that its table is made from: metadata zip (of RxRx19a also the names of compounds), plate map, tables of
        images, mechanisms and, if requested, structures (BBBC021), or a lab's own tables.
    output : parquet, schema `gandl.tables.SITES`.

    Raises
    ------
    ValueError : the screen's own error, a sentence per mistake.
    """
    match Dataset(dataset):
        case Dataset.RXRX19A:
            from gandl.source.screens import rxrx19a

            rxrx19a.write_sites(raw[0], RxRx19aSettings.model_validate(settings), output, variants=raw[1])
        case Dataset.RXRX1:
            from gandl.source.screens import rxrx1

            rxrx1.write_sites(raw[0], RxRx1Settings.model_validate(settings), output)
        case Dataset.BBBC013:
            from gandl.source.screens import bbbc013

            bbbc013.write_sites(raw[0], output)
        case Dataset.PLATES:
            from gandl.source.plates import sites as plates

            plates.write_sites(PlatesSettings.model_validate(settings), output)
        case Dataset.CELL_LINES:
            from gandl.source.screens import cell_lines

            cell_lines.write_sites(raw[0], CellLinesSettings.model_validate(settings), output)
        case Dataset.CLASS_FOLDERS:
            from gandl.source.class_folders import sites as class_folders

            class_folders.write_sites(ClassFoldersSettings.model_validate(settings), output)
        case Dataset.BBBC021:
            from gandl.source.screens.bbbc021 import sites as bbbc021

            chosen = Bbbc021Settings.model_validate(settings)
            bbbc021.write_sites(raw[0], raw[1], chosen, output, raw[2] if chosen.smiles else None)
