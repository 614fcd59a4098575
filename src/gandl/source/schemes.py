"""Names of questions and schemes: how wells are held out, the strictest way first. The Snakefile imports it: no heavy import."""

from __future__ import annotations

from enum import StrEnum


class Question(StrEnum):
    CONTROLS = "controls"
    """Positive against negative controls (E2)."""
    CELL_MODEL = "cell_model"
    """HRCE against VERO (C2)."""
    CELL_TYPE = "cell_type"
    """Which of several cell types (RxRx1)."""


class Scheme(StrEnum):
    QUARTER = "quarter"
    """The paper's: a share of the wells is tested by a model of the others, all cell types together."""
    QUARTER_BY_CELL_TYPE = "quarter_by_cell_type"
    """The same wells, a fold per cell type."""
    LEAVE_PLATE_OUT = "leave_plate_out"
    """Each plate is tested by a model of the other plates of its cell type (C2: of all other plates)."""
    LEAVE_EXPERIMENT_OUT = "leave_experiment_out"
    """Each experiment is tested by a model of the other experiments of its cell type (RxRx1: several at a time)."""
    LEAVE_ROW_OUT = "leave_row_out"
    """Each plate row is tested by a model of the others, where a cell type has one plate."""
    LEAVE_COLUMN_OUT = "leave_column_out"
    """Each plate column is tested by a model of the others, where a cell type has one plate and some row of it holds all controls
    of a kind, so that it cannot be left out."""
    CROSS_CELL_TYPE = "cross_cell_type"
    """Each cell type is tested by a model of the others, where two or more have both kinds of controls."""
    PROBE = "probe"
    """Evaluated during training. With development rows: among those alone, since settings may be chosen there."""
    CONFIRMATION = "confirmation"
    """One fold: the rows that chose nothing, tested by a model of the development rows."""


LINES = {Scheme.LEAVE_ROW_OUT: "row", Scheme.LEAVE_COLUMN_OUT: "column"}
"""What is left out of a single plate, by the scheme: the first that leaves every fold both kinds of controls to train on."""
WHOLE = (Scheme.LEAVE_PLATE_OUT, *LINES)
"""Schemes that leave out all wells that share an effect of their place, the strictest first: by these featurizers are ranked, and
every list of schemes elsewhere begins with these."""
