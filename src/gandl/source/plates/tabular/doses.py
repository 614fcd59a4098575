"""Concentrations in tables of sites or wells: takes a table, finds their column and its unit, makes uM.

Every column with the word dose or conc in its name counts; the unit is in its name, a column of units, or the cells. It is never
guessed: a column without one, or with several, is a mistake.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from gandl.source.plates.tabular.mistakes import rows_in_words
from gandl.source.plates.tabular.text_table import METADATA, Columns, Table, value, with_decimal_points

MOLAR = {"M": Decimal(10**6), "mM": Decimal(1000), "uM": Decimal(1), "nM": Decimal("0.001"), "pM": Decimal("0.000001")}
"""Unit -> uM."""
MASS = {"mg/ml": Decimal(10**6), "ug/ml": Decimal(1000), "ng/ml": Decimal(1)}
"""Unit -> uM, for a molar mass of 1 g/mol."""
LOG = "log10 M"
UNKNOWN = "?"
"""Unit of a column whose name says something of it that is not understood: several units, or another logarithm."""
_SPELLINGS = {
    "mmoles_per_liter": "mM", "mmol_per_l": "mM", "umoles_per_liter": "uM", "umol_per_l": "uM", "nmoles_per_liter": "nM",
    "nmol_per_l": "nM", "molar": "M",
    "millimolar": "mM", "micromolar": "uM", "nanomolar": "nM",
    "mg_per_ml": "mg/ml", "ug_per_ml": "ug/ml", "ng_per_ml": "ng/ml", "mg/ml": "mg/ml", "ug/ml": "ug/ml", "ng/ml": "ng/ml",
    "mmol/l": "mM", "umol/l": "uM", "nmol/l": "nM", "um": "uM", "nm": "nM", "mm": "mM", "pm": "pM",
}  # fmt: skip
_WORD = re.compile(r"(?:dos(?:e|age)|conc|concentration)s?(?:[unmp]m)?(?![a-z])", re.IGNORECASE)
_OTHER = re.compile(
    r"(?<![a-z])(?:units?|stock|source|dmso|solvent|vehicle|time|date|volume|vol)(?![a-z])", re.IGNORECASE
)
"""Words beside it that mean something else than what a well received."""
_ORDINAL = re.compile(
    r"(?<![a-z])(?:rank|level|index|idx|id|order|step|group|count|number|num|no|n|replicate)(?![a-z])", re.IGNORECASE
)
_UNIT = "|".join(sorted(map(re.escape, [*_SPELLINGS, "m"]), key=len, reverse=True))
_UNIT_IN_NAME = re.compile(
    rf"(?:(?<![a-z])|(?<=dose|conc)|(?<=concentration))({_UNIT})(?:_corrected)?(?![a-z])", re.IGNORECASE
)
_OTHER_LOG = re.compile(r"log(?:_?(?:2|10|e))?(?![a-z])|(?<![a-z])ln(?![a-z])", re.IGNORECASE)
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


def is_dose(name: str) -> bool:
    """Whether the name of a column holds the word dose or conc, so that doses may be in it: also `dose_rank`."""
    return _WORD.search(_words(name)) is not None


def unit_in_name(name: str) -> str | None:
    """The unit in the name of a column of concentrations, wherever it is: `Concentration [uM] nominal`.

    "" if it names none, `UNKNOWN` if several or a logarithm of something else than M, None if it is no such column.
    """
    if _LOG.fullmatch(name):
        return LOG
    plain = unit_of(re.sub(r"_corrected$", "", name))
    if plain and name.lower() not in ("m", "mm", "nm", "um", "pm"):
        return plain
    words = _words(name)
    if not _WORD.search(words) or _OTHER.search(words):
        return None
    if _OTHER_LOG.search(words):
        return UNKNOWN
    texts = _UNIT_IN_NAME.findall(name.replace("µ", "u").replace("μ", "u"))
    units = {unit for text in texts if (unit := unit_of(text)) is not None}
    if not units:
        return None if _ORDINAL.search(words) else ""
    return units.pop() if len(units) == 1 else UNKNOWN


def _words(name: str) -> str:
    """`finalConc` as `final Conc`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)


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


def with_doses(table: Table) -> Table:
    """The table with a column concentration_um, where another one gives the concentrations, and what is to be said of that.

    Where concentration_um holds anything already, it is left as it is, and others are kept as text.
    """
    if table.doses_read:
        return table
    numbers = [name for name in table.header if unit_in_name(name) is not None or name.lower() in MASSES]
    table = replace(with_decimal_points(table, numbers), doses_read=True)
    doses = doses_of(table.header, table.rows)
    table = replace(table, mistakes=(*table.mistakes, *doses.mistakes), notes=(*table.notes, *doses.notes))
    if doses.column in (None, "concentration_um"):
        return table
    rows, mistakes = [], []
    for line, cells in table.rows:
        dose, problem = doses.micromolar(cells)
        mistakes += [f"row {line}: {problem}"] if problem else []
        rows.append((line, {**cells, "concentration_um": dose}))
    header = tuple(dict.fromkeys((*table.header, "concentration_um")))
    return replace(table, header=header, rows=tuple(rows), mistakes=(*table.mistakes, *mistakes))


def doses_of(header: Sequence[str], rows: Sequence[tuple[int, Mapping[str, str]]]) -> Doses:
    """Find the column of concentrations: one of molar values, of their logarithms, or of masses beside molar masses."""
    columns = Columns(header)
    units = {name: unit for name in header if (unit := unit_in_name(name.removeprefix(METADATA))) is not None}
    named = {name: unit for name, unit in units.items() if not _is_empty(name, rows)}
    if "concentration_um" in named:
        return Doses("concentration_um", "uM")
    molar = [name for name, unit in named.items() if unit in MOLAR or unit == LOG]
    if molar:
        first, *others = molar
        more = f"; {', '.join(others)} is kept as text" if others else ""
        return _with_note(Doses(first, named[first], notes=(more,)))
    numeric = [name for name, unit in named.items() if unit in ("", UNKNOWN) and _has_numbers(name, rows)]
    if numeric:
        return _of_units(numeric[0], named[numeric[0]], columns, rows)
    masses = [name for name, unit in named.items() if unit in MASS]
    if not masses:
        return Doses()
    weight = columns.first(MASSES)
    if weight is None:
        note = f"{masses[0]} is kept as text: without a column molar_mass (g/mol) it cannot be converted to uM"
        return Doses(notes=(note,))
    return _with_note(Doses(masses[0], named[masses[0]], weight))


def _of_units(column: str, unit: str, columns: Columns, rows: Sequence[tuple[int, Mapping[str, str]]]) -> Doses:
    """Of a column whose name has no unit: by a column of units, or by the units in its cells."""
    remedy = "rename it to concentration_uM (or _nM, _mM, _M, log10_M), or to another name without dose and conc if it is none"
    if unit == UNKNOWN:
        return Doses(mistakes=(f"row 1: the unit in the name of {column} is not understood; {remedy}",))
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
    known = LOG if word == LOG else unit_of(word)
    if known is None or (known in MASS and columns.first(MASSES) is None):
        what = f"has the unit {word!r}, which is not known" if word else "names no unit"
        if known in MASS:
            what = f"is in {word}, and there is no column molar_mass (g/mol)"
        return Doses(mistakes=(f"row 1: {column} {what}; {remedy}",))
    return _with_note(Doses(column, known, columns.first(MASSES) if known in MASS else None))


def _with_note(doses: Doses) -> Doses:
    """Say once how the values become uM."""
    if doses.unit == "uM":
        note = f"{doses.column} is read as concentration_um{''.join(doses.notes)}"
        return Doses(doses.column, doses.unit, doses.mass, notes=(note,))
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


def _has_numbers(name: str, rows: Iterable[tuple[int, Mapping[str, str]]]) -> bool:
    return any(_number_and_unit(value(cells, name))[0] is not None for _, cells in rows)


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
