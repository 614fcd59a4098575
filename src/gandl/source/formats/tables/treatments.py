"""Treatments in foreign tables: takes the columns of a plate map as pycytominer and JUMP write them (`broad_sample`,
`pert_iname`, `solvent`, `control_type`, concentrations by unit), makes those of gandl's table of wells.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gandl.source.formats.tables.names import kept_names
from gandl.source.plates.rules import control_of, is_zero
from gandl.source.plates.table import LAYOUT
from gandl.source.plates.tabular.doses import with_doses
from gandl.source.plates.tabular.text_table import Columns, Table, value

WELL = ("well_position", "well", "well_id", "well_name")
PLATE = ("plate", "assay_plate_barcode", "plate_barcode", "barcode")
SAMPLES = ("pert_iname", "broad_sample", "pert_id", "jcp2022", "compound_name", "compound")
"""Columns that name what was given, the most readable first."""
KINDS = ("control_type", "pert_type")
VEHICLES = ("dmso", "dimethyl sulfoxide", "dimethylsulfoxide", "vehicle")
"""Samples that are the vehicle, whatever the solvent of the others is."""
CELLS = ("cell_type", "cell_line", "cell_id")
_CONTROLS = (
    (r"neg(con.*|ative.*)?|ctl_vehicle|vehicle", "negative"),
    (r"pos(con.*|itive.*)?|trt_poscon.*", "positive"),
    (r"trt.*|treatment|control|empty|untreated|ctl_untrt|", "none"),
)


def has_treatments(header: Sequence[str]) -> bool:
    """Whether a table says what was given, in the words of a plate map, not in gandl's own."""
    return Columns(header).first((*SAMPLES, "solvent", "control_type")) is not None


def translated(table: Table) -> Table:
    """The table with gandl's columns well, control, treatment, concentration_um, cell_type, condition and smiles.

    `negcon` is a negative control, `poscon_*` a positive one; a well without a sample but with a solvent holds the vehicle,
    which is a negative control too, as is one whose sample is its solvent, or DMSO or vehicle by name, unless it is of the
    type `trt`. Every other column is kept as text. What gandl's columns say goes before what is
    translated into them.
    """
    table = with_doses(table)
    columns = Columns(table.header)
    well, plate, smiles, cell = (
        columns.first(WELL),
        columns.first(PLATE),
        columns.first(("smiles",)),
        columns.first(CELLS),
    )
    consumed = {well, plate, smiles, "concentration_um", *(name for name in LAYOUT if name in table.header)}
    kept = kept_names([name for name in table.header if name not in consumed and not name.startswith("file_")])
    same = [name for name in table.header if re.match("file_|illum_", name) or name in ("site", "experiment")]
    mistakes, rows = [*table.mistakes], []
    kinds: Counter[str] = Counter()
    for line, cells in table.rows:
        given = _given(cells, columns, kinds, f"row {line}", mistakes)
        given |= {
            "well": value(cells, well),
            "plate": value(cells, plate),
            "smiles": value(cells, smiles),
            "cell_type": value(cells, cell),
        }
        own = {
            name: cells[name] for name in table.header if name in LAYOUT and name != "concentration_um" and cells[name]
        }
        others = {plain: cells[name] for name, plain in kept.items()}
        rows.append((line, {**given, **own, **{name: cells[name] for name in same}, **others}))
    header = tuple(dict.fromkeys(("well", *(["plate"] if plate else []), *LAYOUT, *same, *kept.values())))
    complete = tuple((line, {name: cells.get(name, "") for name in header}) for line, cells in rows)
    notes = (*table.notes, *_kinds_in_words(kinds))
    return replace(table, header=header, rows=complete, mistakes=tuple(mistakes), notes=notes)


def _given(
    cells: Mapping[str, str], columns: Columns, kinds: Counter[str], where: str, mistakes: list[str]
) -> dict[str, str]:
    """Control, treatment, concentration and condition of a row."""
    own = control_of(cells)
    dose = value(cells, "concentration_um")
    sample = value(cells, "treatment") or next(filter(None, (value(cells, name) for name in columns.all(SAMPLES))), "")
    solvent = value(cells, columns.first(("solvent",)))
    kind = next(filter(None, (value(cells, name) for name in columns.all(KINDS))), "")
    control = next((control for pattern, control in _CONTROLS if re.fullmatch(pattern, kind.lower())), None)
    if control is None:
        mistakes.append(f"{where}: control_type is {kind!r}; it must be negcon, poscon_..., trt, or empty")
        control = "none"
    alone = not sample and bool(solvent)
    named = bool(sample) and sample.lower() in (*VEHICLES, solvent.lower())
    if own:
        control = own
    elif control == "none" and (alone or (named and not re.match("tr(t|eat)", kind.lower()))):
        kinds["vehicle" if alone else f"of {sample} negative"] += 1
        control = "negative"
    elif control != "none":
        kinds[f"{kind} {control}"] += 1
    if not sample and dose and not is_zero(dose):
        mistakes.append(
            f"{where}: a concentration ({dose} uM) without a sample; leave it empty where only the solvent was given"
        )
        dose = ""
    untreated = alone or (control == "negative" and named)
    return {
        "control": control,
        "treatment": sample or solvent,
        "concentration_um": "" if untreated and is_zero(dose) else dose,
        "condition": "untreated" if untreated else "",
    }


def _kinds_in_words(kinds: Mapping[str, int]) -> list[str]:
    """One note of how controls were recognised."""
    words = [
        f"{number:,} of solvent alone are negative controls"
        if kind == "vehicle"
        else f"{number:,} {' are '.join(kind.rsplit(' ', 1))}"
        for kind, number in kinds.items()
    ]
    return [f"wells of the plate map: {', '.join(words)}"] if words else []
