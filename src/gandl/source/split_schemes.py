"""Schemes: takes the wells of a screen, makes the folds of every way of holding wells out.

A fold is a set of labelled wells to train on and a set of wells to test; none is in both. The paper tests a quarter of the wells
(Mascolini et al. 2022, "Data"); beside it whole rows or columns, plates or experiments are left out, since wells of one share its
effects.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.source.plate_rows import span
from gandl.source.schemes import LINES, Scheme

WELL_COLUMNS = ["well_id", "experiment", "plate_id", "row", "column", "cell_type", "condition", "control"]
MOST_EXPERIMENT_FOLDS = 5
"""Folds in which the experiments of RxRx1 are left out: each trains on tens of thousands of wells."""

Flags = npt.NDArray[np.bool_]

logger = logging.getLogger(__name__)


class SplitError(ValueError):
    """The wells cannot be split as requested; the message says what is missing where."""


@dataclass(frozen=True)
class Part:
    """One fold: which wells (positions of the table of wells) train and which are tested."""

    scheme: Scheme
    fold: str
    train: Flags
    test: Flags


def row_parts(wells: pd.DataFrame, development_rows: Sequence[str]) -> Iterator[Part]:
    """A plate on some of whose rows settings may be chosen: `leave_row_out`, `probe` among those, `confirmation` on the others.

    A fold tests *every* well of its rows (treated ones too); treated wells of other rows are in no part.

    Raises
    ------
    SplitError : a row is not on the plate, none is left to confirm, or a fold's training rows lack a control.
    """
    rows = _lines(wells, "row")
    unknown = [row for row in development_rows if row not in rows]
    if unknown:
        raise SplitError(f"development_rows names {', '.join(unknown)}, but the plate has the rows {', '.join(rows)}")
    if len(set(development_rows)) != len(development_rows):
        raise SplitError(f"development_rows names a row twice: {', '.join(development_rows)}")
    development = [row for row in rows if row in development_rows]
    rest = [row for row in rows if row not in development_rows]
    if len(development) < 2 or not rest:
        raise SplitError(
            f"development_rows must name at least two plate rows and leave at least one out; it names "
            f"{', '.join(development) or 'none'} of {', '.join(rows)}"
        )
    for scheme, among in ((Scheme.LEAVE_ROW_OUT, rows), (Scheme.PROBE, development)):
        for row in among:
            yield _lines_part(wells, scheme, "row", row, [other for other in among if other != row], [row])
    yield _lines_part(wells, Scheme.CONFIRMATION, "row", span(rest), development, rest)


def controls_parts(
    wells: pd.DataFrame, test_share: float, seed: int, left_out: list[str] | None = None
) -> Iterator[Part]:
    """C+ against C-: every scheme but `confirmation`, as far as the screen allows; what it does not allow is logged.

    Training parts hold controls alone; every other well that a fold may test is in its test part. The `probe` leaves out each
    plate of the first experiment that has several (of the first cell type, in the order of the table), and where there is none,
    each row (or column) of the first plate.

    A cell type without one kind of control is left out of every scheme; one whose folds lack a control, out of that scheme: the
    log says so, and the others are split. `left_out` : sentences on the latter are added to it.

    Raises
    ------
    SplitError : no cell type has both kinds of controls; or of all cell types, the training wells of a fold lack a control.
    """
    types = _with_both_controls(wells)
    known = wells["cell_type"].isin(types).to_numpy()
    control = known & (wells["control"] != "none").to_numpy()
    train = control & ~_drawn(wells, ["control", "cell_type", "experiment"], test_share, seed)
    yield _checked(wells, Part(Scheme.QUARTER, "all", train, known & ~train))
    failed: dict[str, list[SplitError]] = {}
    left_out = [] if left_out is None else left_out
    if wells["cell_type"].nunique() > 1:
        for cell_type in types:
            here = _is(wells, "cell_type", cell_type)
            part = Part(Scheme.QUARTER_BY_CELL_TYPE, cell_type, train & here, ~train & here)
            alone = (_checked(wells, each) for each in [part])
            yield from _if_possible(alone, cell_type, types, failed, "quarter", left_out)
    for cell_type in types:
        here = _is(wells, "cell_type", cell_type)
        if wells.loc[here, "plate_id"].nunique() > 1:
            parts = _left_out(wells, Scheme.LEAVE_PLATE_OUT, "plate_id", here, control)
            yield from _if_possible(parts, cell_type, types, failed, "plate", left_out)
        else:
            yield from _lines_left_out(wells, here, cell_type, left_out)
        if wells.loc[here, "experiment"].nunique() > 1:
            parts = _left_out(wells, Scheme.LEAVE_EXPERIMENT_OUT, "experiment", here, control)
            yield from _if_possible(parts, cell_type, types, failed, "experiment", left_out)
        else:
            logger.info("%s: its only experiment cannot be left out", cell_type)
    yield from _across(wells, control)
    yield from _probe(wells, known, control)


def _with_both_controls(wells: pd.DataFrame) -> list[str]:
    """The cell types with positive and negative controls, in the order of the table; the log names the others."""
    kinds = wells.groupby("cell_type", sort=False)["control"].agg(set)
    for cell_type, found in kinds.items():
        for kind in sorted({"positive", "negative"} - found):
            logger.warning(
                "%s: no %s control, so its controls are not compared and its wells not scored", cell_type, kind
            )
    types = [str(cell_type) for cell_type, found in kinds.items() if {"positive", "negative"} <= found]
    if not types:
        raise SplitError("no cell type has both positive and negative controls")
    return types


def _if_possible(
    parts: Iterator[Part],
    cell_type: str,
    types: Sequence[str],
    failed: dict[str, list[SplitError]],
    scheme: str,
    left_out: list[str],
) -> list[Part]:
    """The parts of a cell type; none, and a line in the log and in `left_out`, where a fold lacks a control.

    Raises
    ------
    SplitError : no other cell type has them either.
    """
    try:
        return list(parts)
    except SplitError as error:
        failed.setdefault(scheme, []).append(error)
        if len(failed[scheme]) == len(types):
            raise failed[scheme][0] from error
        left_out.append(f"{cell_type} is left out of a scheme: {error}")
        logger.warning("%s", left_out[-1])
        return []


def cell_model_parts(wells: pd.DataFrame, cell_models: tuple[str, str], test_share: float, seed: int) -> Iterator[Part]:
    """HRCE against VERO: a quarter of the wells (the one of `controls`), and each plate whose cell type has another one.

    Controls of both kinds train, as in the paper's C2.
    """
    ours = wells["cell_type"].isin(cell_models).to_numpy()
    control = ours & (wells["control"] != "none").to_numpy()
    if set(wells.loc[control, "cell_type"]) != set(cell_models):
        logger.warning("no question about cell models: %s or %s has no control wells", *cell_models)
        return
    train = control & ~_drawn(wells, ["control", "cell_type", "experiment"], test_share, seed)
    yield Part(Scheme.QUARTER, "all", train, ours & ~train)
    plates = wells[ours].groupby("cell_type")["plate_id"].transform("nunique").reindex(wells.index, fill_value=0)
    for plate in wells.loc[(plates > 1).to_numpy(), "plate_id"].unique():
        here = _is(wells, "plate_id", plate)
        yield Part(Scheme.LEAVE_PLATE_OUT, plate, control & ~here, ours & here)


def cell_type_parts(wells: pd.DataFrame, test_share: float, seed: int) -> Iterator[Part]:
    """Which cell type: a quarter of all wells; and every k-th experiment of each cell type, so that each is tested once.

    k is the number of folds: as many as the cell type with the fewest experiments has (of those with several), at most 5.
    """
    test = _drawn(wells, ["cell_type", "experiment"], test_share, seed)
    yield Part(Scheme.QUARTER, "all", ~test, test)
    experiments = wells[["cell_type", "experiment"]].drop_duplicates().sort_values(["cell_type", "experiment"])
    number = experiments.groupby("cell_type").cumcount()
    size = experiments.groupby("cell_type")["experiment"].transform("size")
    for cell_type in experiments.loc[size == 1, "cell_type"]:
        logger.info("%s: its only experiment cannot be left out", cell_type)
    if not (size > 1).any():
        return
    folds = min(int(size[size > 1].min()), MOST_EXPERIMENT_FOLDS)
    dealt = experiments.assign(fold=np.where(size > 1, number % folds, -1))
    fold = wells[["cell_type", "experiment"]].merge(dealt, how="left")["fold"].to_numpy()
    for i in range(folds):
        yield Part(Scheme.LEAVE_EXPERIMENT_OUT, f"{i + 1}", fold != i, fold == i)


def _left_out(wells: pd.DataFrame, scheme: Scheme, column: str, among: Flags, control: Flags) -> Iterator[Part]:
    """Each plate or experiment of some wells, by the controls of the others."""
    types = wells.groupby(column)["cell_type"].nunique()
    for name in wells.loc[among, column].unique():
        here = among & _is(wells, column, name)
        fold = name if types[name] == 1 else f"{name}:{wells.loc[here, 'cell_type'].iloc[0]}"
        yield _checked(wells, Part(scheme, fold, among & control & ~here, here))


def _lines_left_out(
    wells: pd.DataFrame, here: Flags, cell_type: str, left_out: list[str], scheme: Scheme | None = None
) -> Iterator[Part]:
    """Each row of one plate, where every fold has both controls to train on; else each column, where every fold has; else
    nothing, and a line in the log and in `left_out`. `scheme` : what the parts are called, if not by what is left out.

    A fold is named by its row or column, by its plate where there are others, and by its cell type where the plate has others.
    """
    plate = wells.loc[here, "plate_id"].iloc[0]
    before = "" if wells["plate_id"].nunique() == 1 else f"{plate}:"
    after = "" if wells.loc[_is(wells, "plate_id", plate), "cell_type"].nunique() == 1 else f":{cell_type}"
    reasons = []
    for of_lines, line in LINES.items():
        names = _lines(wells[here], line)
        try:
            parts = [
                _lines_part(
                    wells, scheme or of_lines, line, name, [other for other in names if other != name], [name], here
                )
                for name in names
            ]
        except SplitError as error:
            reasons.append(str(error))
            continue
        for part in parts:
            yield Part(part.scheme, f"{before}{part.fold}{after}", part.train, part.test)
        return
    left_out.append(
        f"{cell_type}: of its only plate {plate} neither rows nor columns are left out ({'; '.join(reasons)})"
    )
    logger.warning("%s", left_out[-1])


def _across(wells: pd.DataFrame, control: Flags) -> Iterator[Part]:
    """Each cell type with both kinds of controls by the controls of all other such cell types; nothing where one alone has."""
    kinds = wells[control].groupby("cell_type")["control"].nunique()
    types = [cell_type for cell_type in wells["cell_type"].unique() if kinds.get(cell_type, 0) > 1]
    for cell_type in types if len(types) > 1 else []:
        here = _is(wells, "cell_type", cell_type)
        others = wells["cell_type"].isin(types).to_numpy() & ~here
        yield _checked(wells, Part(Scheme.CROSS_CELL_TYPE, cell_type, others & control, here))


def _probe(wells: pd.DataFrame, known: Flags, control: Flags) -> Iterator[Part]:
    groups = wells.loc[known, ["cell_type", "experiment", "plate_id"]].drop_duplicates()
    plates = groups.groupby(["cell_type", "experiment"], sort=False).size()
    several = plates[plates > 1]
    if len(several):
        cell_type, experiment = several.index[0]
        here = _is(wells, "cell_type", cell_type) & _is(wells, "experiment", experiment)
        try:
            yield from list(_left_out(wells, Scheme.PROBE, "plate_id", here, control))
        except SplitError as error:
            logger.warning("no scheme probe: %s", error)
        return
    first = wells[known].iloc[0]
    here = _is(wells, "plate_id", first["plate_id"]) & _is(wells, "cell_type", first["cell_type"])
    yield from _lines_left_out(wells, here, first["cell_type"], [], Scheme.PROBE)


def _drawn(wells: pd.DataFrame, strata: list[str], share: float, seed: int) -> Flags:
    """A share of the wells of every stratum: at least one and never all, none of a stratum of one; in any order of the table."""
    order = wells.sort_values("well_id").index.to_numpy()
    order = order[np.random.default_rng(seed).permutation(len(order))]
    groups = wells.loc[order].groupby(strata, sort=False)
    rank, size = groups.cumcount(), groups["well_id"].transform("size")
    wanted = np.where(size > 1, np.clip(np.rint(share * size), 1, size - 1), 0)
    return pd.Series(rank.to_numpy() < wanted, index=order).reindex(wells.index).to_numpy(bool)


def _lines_part(
    wells: pd.DataFrame,
    scheme: Scheme,
    line: str,
    fold: str,
    train: list[str],
    test: list[str],
    among: Flags | None = None,
) -> Part:
    """A fold of plate rows or columns (`line`), by their names."""
    names = wells["row"] if line == "row" else wells["column"].map(_column)
    control = (wells["control"] != "none").to_numpy()
    here = np.ones(len(wells), bool) if among is None else among
    part = Part(
        scheme,
        fold,
        here & control & names.isin(train).to_numpy(),
        here & names.isin(test).to_numpy(),
    )
    return _checked(wells, part, f"training {line}s {', '.join(train) or '(none)'}")


def _checked(wells: pd.DataFrame, part: Part, trained_on: str = "training wells") -> Part:
    found = set(wells.loc[part.train, "control"])
    for control in ("positive", "negative"):
        if control not in found:
            raise SplitError(f"scheme {part.scheme}, fold {part.fold}: the {trained_on} hold no {control} control")
    return part


def _is(wells: pd.DataFrame, column: str, value: str) -> Flags:
    return (wells[column] == value).to_numpy(bool)


def _lines(wells: pd.DataFrame, line: str) -> list[str]:
    """Names of plate rows in their order (... Y, Z, AA, AB ... on plates of 1536 wells), or of columns (01, 02 ...)."""
    if line == "column":
        return [_column(number) for number in sorted(wells["column"].unique())]
    return sorted(wells["row"].unique(), key=lambda row: (len(row), row))


def _column(number: int) -> str:
    return f"{number:02d}"
