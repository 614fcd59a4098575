"""Compounds by one name each: takes treatments as a screen wrote them, and `resources/compound_variants.csv`, gives names.

Names are compared without regard to case (and in Unicode's composed form); of several cases the commonest spelling is used.
"""

from __future__ import annotations

import unicodedata
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from gandl.workflow.rows import read_rows

VARIANTS_TABLE = Path("resources/compound_variants.csv")
COLUMNS = ("variant", "canonical", "why")


class VariantsError(ValueError):
    """The table of variants has mistakes; the message lists them all, with the file and its row."""


@dataclass(frozen=True)
class Variant:
    """A treatment that was read as another compound: its name as written, the canonical one, the reason, how many wells."""

    treatment: str
    compound: str
    why: str
    wells: int

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def key_of(name: str) -> str:
    """What two spellings of one name share."""
    return unicodedata.normalize("NFC", name).strip().casefold()


def read_variants(path: Path = VARIANTS_TABLE) -> dict[str, tuple[str, str]]:
    """Variants of compound names: `key_of` the variant -> (canonical name, why).

    Raises
    ------
    VariantsError : the file cannot be read, lacks a column, or has an empty, repeated or chained entry.
    """
    variants: dict[str, tuple[str, str]] = {}
    mistakes = []
    for line, row in read_rows(Path(path), COLUMNS, VariantsError):
        empty = [name for name in COLUMNS if not row[name]]
        if empty:
            mistakes.append(f"row {line}: {', '.join(empty)} is empty")
        elif key_of(row["variant"]) in variants:
            mistakes.append(f"row {line}: {row['variant']!r} is listed twice")
        else:
            variants[key_of(row["variant"])] = (row["canonical"], row["why"])
    mistakes += [
        f"{canonical!r} is a canonical name and a variant; name only the last of the chain"
        for canonical, _ in variants.values()
        if key_of(canonical) in variants
    ]
    if mistakes:
        raise VariantsError(f"{path} has mistakes:\n" + "\n".join(f"  {mistake}" for mistake in mistakes))
    return variants


def canonical_names(wells: pd.Series, variants: dict[str, tuple[str, str]]) -> tuple[dict[str, str], list[Variant]]:
    """Canonical name of every treatment.

    Parameters
    ----------
    wells : treatment of each treated well, as written.
    variants : from `read_variants`.

    Returns
    -------
    names : treatment -> compound.
    met : those whose name changed, in the order of the alphabet.
    """
    counts = wells.value_counts()
    by_spelling = sorted(counts.index, key=lambda name: (-counts[name], name))
    commonest: dict[str, str] = {}
    for name in by_spelling:
        commonest.setdefault(key_of(name), name.strip())
    for canonical, _ in variants.values():
        commonest[key_of(canonical)] = canonical
    names, met = {}, []
    for name in sorted(by_spelling):
        canonical, why = variants.get(key_of(name), (commonest[key_of(name)], "another spelling of the same name"))
        names[name] = canonical
        if name != canonical:
            met.append(Variant(name, canonical, why, int(counts[name])))
    return names, met


def shared_structures(compounds: pd.DataFrame) -> list[str]:
    """Warnings of compounds that may be one, or of one that may be two.

    Parameters
    ----------
    compounds : columns `compound` and `smiles`, without empty ones.
    """
    pairs = compounds[["compound", "smiles"]].drop_duplicates().sort_values(["compound", "smiles"])
    names = pairs.groupby("smiles")["compound"].agg(list)
    structures = pairs.groupby("compound")["smiles"].nunique()
    shared = [
        f"{' and '.join(group)} share the SMILES {smiles}; if they are one compound, add them to {VARIANTS_TABLE.name}"
        for smiles, group in names[names.map(len) > 1].items()
    ]
    several = [f"{name} has {count} different SMILES" for name, count in structures[structures > 1].items()]
    return shared + several
