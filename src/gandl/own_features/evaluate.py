"""The whole evaluation of features that were made elsewhere: takes tables of features and of sites, makes everything below a
folder, file for file as the workflow names it, and a summary in words.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from gandl.check.normalisation import choose_normalisation
from gandl.config import Normalization, QuestionName
from gandl.own_features.feature_table import FeaturesError, FeatureTable, open_table
from gandl.own_features.matching import is_of_sites, positions
from gandl.own_features.mechanisms import with_places
from gandl.own_features.questions import COMPARISONS, SPLITS, Screen
from gandl.own_features.request import Request, clean, prepare, record
from gandl.own_features.sites_of import Sites, read_sites, sites_of_profile, wells_only
from gandl.own_features.summary import summary_lines
from gandl.own_features.work import Work
from gandl.report.caveats import lacking_controls
from gandl.source.schemes import Question as Split
from gandl.source.split_schemes import SplitError
from gandl.source.splits import make_splits
from gandl.tables import SITES, SPLITS as SPLITS_TABLE, write_table
from gandl.workflow.words import counted


def evaluate(request: Request) -> list[str]:
    """Evaluate, and write everything below `request.out`.

    Returns
    -------
    The lines of `summary.txt`.

    Raises
    ------
    FeaturesError : tables that cannot be matched, no featurizer that can be evaluated, no question that can be answered, or a
        folder of results that holds something else.
    """
    prepare(request.out)
    tables = {name: open_table(path) for name, path in request.features.items()}
    about, made = _about(tables)
    sites = _sites(request, tables, about)
    at = {name: positions(table, about[name], sites) for name, table in tables.items()}
    _check_alike(tables, {name: frozenset(places) for name, places in at.items()})
    del about
    held = next(iter(at.values()))
    frame = sites.frame
    notes = [*made, *sites.notes]
    if len(held) < len(frame):
        notes.append(
            f"{counted(len(frame) - len(held), 'row')} of {sites.source} on plates without any features: left out"
        )
    for name, places in at.items():  # positions among the sites that are kept, in the order of the sites table
        at[name] = np.searchsorted(np.sort(held), places)
    frame = frame.iloc[sorted(held)].reset_index(drop=True)
    clean(request.out)
    screen, left_out = _screen(request, frame)
    notes += left_out
    methods, why = request.methods, "as --normalization says"
    if not methods and _is_of_treatments_alone(request, frame):
        methods, why = (Normalization.NONE,), "profiles as they are: no negative control wells to normalise them by"
    elif not methods:
        choice = choose_normalisation(frame, scored="controls" in screen.splits)
        methods = tuple(dict.fromkeys([choice.methods[0], Normalization.NONE]))
        notes += choice.reasons[1:]
        why = f"chosen for these plates: {choice.why}"
    work = Work(request, frame, screen, methods)
    for name, table in tables.items():
        notes += work.evaluate(name, table, at[name])
    evaluated = [name for name in tables if name not in work.findings.failed]
    if not evaluated:
        raise FeaturesError("; ".join(work.findings.failed.values()))
    with work.findings.timed(COMPARISONS):
        work.compare(evaluated)
    if not work.findings.answered:
        said = "; ".join(f"{name}: {reason}" for name, reasons in work.findings.reasons.items() for reason in reasons)
        raise FeaturesError(f"no question can be answered. {said}")
    lines = summary_lines(request.out, frame, evaluated, methods, why, work.findings, notes)
    record(request, len(frame), methods, work.findings, lines)
    return lines


def _about(tables: Mapping[str, FeatureTable]) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """The other columns of every table, with made-up wells where rows are of treatments; and notes on that."""
    found = {name: with_places(table.read_about(), str(table.path)) for name, table in tables.items()}
    return {name: rows for name, (rows, _) in found.items()}, [note for _, notes in found.values() for note in notes]


def _is_of_treatments_alone(request: Request, sites: pd.DataFrame) -> bool:
    """Whether only mechanisms are asked for, of a screen without negative controls."""
    return set(request.questions) <= {QuestionName.MECHANISM.value} and not (sites["control"] == "negative").any()


def _sites(request: Request, tables: Mapping[str, FeatureTable], about: Mapping[str, pd.DataFrame]) -> Sites:
    first = next(iter(tables))
    if request.sites is not None:
        sites = read_sites(request.sites, request.controls, request.wells)
    else:
        sites = sites_of_profile(tables[first], about[first], request.controls, request.wells)
    by_site = {name: is_of_sites(table, about[name]) for name, table in tables.items()}
    if len(set(by_site.values())) > 1:
        of_sites, of_wells = (next(name for name in tables if by_site[name] is kind) for kind in (True, False))
        raise FeaturesError(
            f"{tables[of_sites].path} has rows of sites and {tables[of_wells].path} of wells; featurizers are compared on the "
            "same rows: average the first over each well"
        )
    return sites if by_site[first] else wells_only(sites)


def _check_alike(tables: Mapping[str, FeatureTable], held: Mapping[str, frozenset[int]]) -> None:
    """Featurizers are compared on the same wells, so each must have all of them."""
    first, *others = tables
    for name in others:
        if held[name] != held[first]:
            number = len(held[name] ^ held[first])
            raise FeaturesError(
                f"{tables[name].path} and {tables[first].path} are not of the same plates: {counted(number, 'row')} of one "
                "have no counterpart in the other"
            )


def _screen(request: Request, sites: pd.DataFrame) -> tuple[Screen, list[str]]:
    """Write sites and splits, and say what the screen holds, and which cell types cannot be scored, or not in every scheme."""
    write_table(sites, request.out / "source/plates/sites.parquet", SITES)
    share = request.settings.test_share
    asked = [question.value for question in QuestionName]
    unsplit = ""
    left_out: list[str] = []
    try:
        splits = make_splits(sites, questions=asked, test_share=share, seed=request.seed, left_out=left_out)
    except SplitError as error:
        unsplit = str(error)
        left_out.clear()
        asked.remove(QuestionName.CONTROLS.value)
        splits = make_splits(sites, questions=asked, test_share=share, seed=request.seed)
    write_table(splits, request.out / SPLITS, SPLITS_TABLE)
    wells = sites.drop_duplicates("well_id").reset_index(drop=True)
    held = frozenset(splits["question"])
    if Split.CONTROLS in held:
        left_out = lacking_controls(wells) + left_out
    return Screen(wells, held, unsplit, request.truth), list(dict.fromkeys(left_out))
