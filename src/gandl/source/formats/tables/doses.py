"""Concentrations in foreign tables: takes their columns, finds the unit in a name, a column of units, or the cells, makes uM.

A unit is never guessed: a column without one, or with several, is a mistake.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from gandl.source.formats.tables.names import METADATA, Columns, value
from gandl.source.plates.mistakes import rows_in_words

MOLAR = {"M": Decimal(10**6), "mM": Decimal(1000), "uM": Decimal(1), "nM": Decimal("0.001"), "pM": Decimal("0.000001")}
"""Unit -> uM."""
MASS = {"mg/ml": Decimal(10**6), "ug/ml": Decimal(1000), "ng/ml": Decimal(1)}
"""Unit -> uM, for a molar mass of 1 g/mol."""
LOG = "log10 M"
_SPELLINGS = {
    "mmoles_per_liter": "mM", "mmol_per_l": "mM", "umoles_per_liter": "uM", "nmoles_per_liter": "nM", "molar": "M",
    "millimolar": "mM", "micromolar": "uM", "nanomolar": "nM",
    "mg_per_ml": "mg/ml", "ug_per_ml": "ug/ml", "ng_per_ml": "ng/ml", "mg/ml": "mg/ml", "ug/ml": "ug/ml", "ng/ml": "ng/ml",
    "mmol/l": "mM", "umol/l": "uM", "nmol/l": "nM", "um": "uM", "nm": "nM", "mm": "mM", "pm": "pM",
}  # fmt: skip
_NAMED = re.compile(r"(?:.*[\W_])?(?:dose|conc|concentration)s?(?:[\W_]+(?P<unit>.+?))?[\W_]*", re.IGNORECASE)
_LOG = re.compile(
    r"(?:.*[\W_])?log_?(?:10)?[\W_]*(?:(?:of|dose|conc|concentration)[\W_]*)*\(?m(?:olar)?\)?[\W_]*", re.IGNORECASE
)
_UNITS = (
    "unit",
    "units",
    "dose_unit",
    "dose_units",
    "pert_dose_unit",
    "concentration_unit",
    "concentration_units",
    "conc_unit",
)
MASSES = ("molar_mass", "molecular_weight", "mol_weight", "molweight", "molwt", "mw", "g_per_mol")
"""Columns of molar masses (g/mol)."""
_CELL = re.compile(r"(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*(?P<unit>[^\W\d_].*|%.*)?", re.IGNORECASE)


def unit_of(text: str) -> str | None:
    """The unit that a text names: `µM`, `um` and `micromolar` are `uM`; None if it is none."""
    plain = text.strip().replace("µ", "u").replace("μ", "u")
    if plain in MOLAR:
        return plain
    return _SPELLINGS.get(plain.lower())


def unit_in_name(name: str) -> str | None:
    """The unit in the name of a column of concentrations; "" if it names none, None if it is not such a column."""
    if _LOG.fullmatch(name):
        return LOG
    plain = unit_of(re.sub(r"_corrected$", "", name))
    if plain and name.lower() not in ("mm", "nm", "um", "pm"):
        return plain
    match = _NAMED.fullmatch(name.replace("µ", "u").replace("μ", "u"))
    if not match:
        return None
    return "" if match["unit"] is None else unit_of(match["unit"])


@dataclass(frozen=True)
class Doses:
    """Which column gives the concentrations, and how they become uM.

    Attributes
    ----------
    column : its name; None if there is none that can be used.
    unit : `uM`, `mg/ml` ...; `log10 M`.
    mass : the column of molar masses (g/mol), for a unit of mass.
    mistakes, notes : of the columns as such, each mistake with its row.
    """

    column: str | None = None
    unit: str = "uM"
    mass: str | None = None
    mistakes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def micromolar(self, cells: Mapping[str, str]) -> tuple[str, str]:
        """The concentration of a row (uM, as text; "" for none), and what is wrong with it."""
        text = value(cells, self.column)
        if not text:
            return "", ""
        number, unit = _number_and_unit(text)
        if number is None:
            return "", f"{self.column} is {text!r}, not a number"
        if unit and _plain(unit) != self.unit:
            return "", f"{self.column} is {text!r}, but the column is in {self.unit}"
        if self.unit == LOG:
            return _text(Decimal(10) ** number * MOLAR["M"]), ""
        if number < 0:
            return "", f"{self.column} is {text}, below 0; if it is log10 of molar, name the column log10_M"
        if self.unit in MOLAR:
            return _text(number * MOLAR[self.unit]), ""
        if number == 0:
            return "0", ""
        weight, _ = _number_and_unit(value(cells, self.mass))
        if weight is None or weight <= 0:
            return "", f"{self.column} is {text} {self.unit}, but {self.mass} is {value(cells, self.mass)!r}"
        return _text(number * MASS[self.unit] / weight), ""


def doses_of(header: Sequence[str], rows: Sequence[tuple[int, Mapping[str, str]]]) -> Doses:
    """Find the column of concentrations: one of molar values, of their logarithms, or of masses beside molar masses."""
    columns = Columns(header)
    named = {
        name: unit
        for name in header
        if (unit := unit_in_name(name.removeprefix(METADATA))) is not None and not _is_empty(name, rows)
    }
    if "concentration_um" in named:
        return Doses("concentration_um", "uM")
    molar = [name for name, unit in named.items() if unit in MOLAR or unit == LOG]
    if molar:
        first, *others = molar
        more = f"; {', '.join(others)} is kept as text" if others else ""
        return _with_note(Doses(first, named[first], notes=(more,)))
    bare = [name for name, unit in named.items() if not unit]
    if bare:
        return _of_units(bare[0], columns, rows)
    masses = [name for name, unit in named.items() if unit in MASS]
    if not masses:
        return Doses()
    weight = columns.first(MASSES)
    if weight is None:
        note = f"{masses[0]} is kept as text: without a column molar_mass (g/mol) it cannot be converted to uM"
        return Doses(notes=(note,))
    return _with_note(Doses(masses[0], named[masses[0]], weight))


def _of_units(column: str, columns: Columns, rows: Sequence[tuple[int, Mapping[str, str]]]) -> Doses:
    """Of a column whose name has no unit: by a column of units, or by the units in its cells."""
    units = columns.first(_UNITS)
    given: dict[str, list[int]] = {}
    for line, cells in rows:
        text = value(cells, column)
        if text:
            word = value(cells, units) or _number_and_unit(text)[1]
            given.setdefault(_plain(word), []).append(line)
    if len(given) > 1:
        words = "; ".join(f"{word or 'none'} in {rows_in_words(lines)}" for word, lines in given.items())
        return Doses(mistakes=(f"row 1: {column} has several units ({words}); write one unit in the whole column",))
    word = next(iter(given), "")
    unit = LOG if word == LOG else unit_of(word)
    if unit is None or (unit in MASS and columns.first(MASSES) is None):
        what = f"has the unit {word!r}, which is not known" if word else "names no unit"
        if unit in MASS:
            what = f"is in {word}, and there is no column molar_mass (g/mol)"
        return Doses(
            mistakes=(
                f"row 1: {column} {what}; rename it to {column}_uM (or _nM, _mM, _M, log10_M), or to another name",
            )
        )
    return _with_note(Doses(column, unit, columns.first(MASSES) if unit in MASS else None))


def _with_note(doses: Doses) -> Doses:
    """Say once how the values become uM."""
    if doses.unit == "uM":
        return Doses(doses.column, doses.unit, doses.mass, notes=tuple(filter(None, doses.notes)))
    how = "10 to its power, in M," if doses.unit == LOG else f"times {_factor(doses)}"
    return Doses(
        doses.column,
        doses.unit,
        doses.mass,
        notes=(f"{doses.column} is in {doses.unit}: {how} gives concentration_um{''.join(doses.notes)}",),
    )


def _factor(doses: Doses) -> str:
    if doses.mass is None:
        return f"{float(MOLAR[doses.unit]):,g}"
    return f"{float(MASS[doses.unit]):,g} / {doses.mass}"


def _is_empty(name: str, rows: Iterable[tuple[int, Mapping[str, str]]]) -> bool:
    return not any(value(cells, name) for _, cells in rows)


def _number_and_unit(text: str) -> tuple[Decimal | None, str]:
    """A number, None if the text is none, and the unit behind it, if any."""
    match = _CELL.fullmatch(text)
    if match is None or not math.isfinite(float(match["number"])):
        return None, ""
    return Decimal(match["number"]), match["unit"] or ""


def _plain(word: str) -> str:
    """One spelling of a unit; a word that is none as it is."""
    return LOG if _LOG.fullmatch(word) else unit_of(word) or word


def _text(number: Decimal) -> str:
    """With 12 digits, as short as it can be written."""
    return repr(float(f"{number:.12g}")).removesuffix(".0")
