"""The section `normalization` of the configuration: which methods, and how those are fitted that do not name their own wells."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field, model_validator

from gandl.config.types import NonNegativeFloat, PositiveInt, Section


class Normalization(StrEnum):
    """How plate effects are removed (`gandl.normalization`): the first four by the wells of a plate that they name."""

    UNLABELLED = "unlabelled"
    NEGATIVE = "negative"
    NEGATIVE_CROSSFIT = "negative_crossfit"
    MOCK = "mock"
    MAD = "mad"
    SPHERIZE = "spherize"
    TVN = "tvn"
    GLOBAL = "global"
    NONE = "none"


class Reference(StrEnum):
    """Wells on which `mad`, `spherize`, `tvn` and `global` are fitted; as the methods of the same names choose them."""

    UNLABELLED = "unlabelled"
    NEGATIVE = "negative"
    MOCK = "mock"


class Batch(StrEnum):
    """Wells that share an effect, within which `tvn` aligns covariances."""

    PLATE = "plate"
    EXPERIMENT = "experiment"


READ_BY: dict[Normalization, frozenset[str]] = {
    Normalization.MAD: frozenset({"reference"}),
    Normalization.GLOBAL: frozenset({"reference"}),
    Normalization.SPHERIZE: frozenset({"reference", "regularization"}),
    Normalization.TVN: frozenset({"reference", "regularization", "components", "batch"}),
}
"""Settings that decide how a method is fitted; the others are described by their names alone."""


class NormalizationSettings(Section):
    """How plate effects are removed."""

    methods: list[Normalization] = Field(
        [Normalization.UNLABELLED, Normalization.MOCK, Normalization.NONE],
        min_length=1,
        description="Normalisations to make and to compare. Each plate in units of: `unlabelled`, its wells that are not "
        "controls (right where most of them are inactive); `negative`, its negative controls (the field's habit); "
        "`negative_crossfit`, those of them that are not being tested, so that scores of controls stay honest; `mock`, its wells "
        "without treatment and infection (RxRx19a: the positive controls). Fitted on `reference`: `mad`, each plate by median "
        "and median absolute deviation; `tvn`, typical variation normalisation: the whole screen whitened, then each batch "
        "aligned (CORAL). The same, keeping what a plate has one of, such as its cell type: `spherize`, the whole screen "
        "whitened; `global`, in units of the whole screen; `none`, raw.",
    )
    method: Normalization = Field(
        Normalization.UNLABELLED,
        description="The one used by questions within a plate's cell type; the report shows all others beside it.",
    )
    reference: Reference = Field(
        Reference.UNLABELLED,
        description="Wells on which `mad`, `spherize`, `tvn` and `global` are fitted: `unlabelled`, `negative` or `mock`, as the "
        "methods of these names. Controls that are tested look better than they are where they are among them.",
    )
    batch: Batch = Field(
        Batch.PLATE,
        description="What `tvn` aligns: each `plate`, or each `experiment` where plates have few reference wells.",
    )
    regularization: NonNegativeFloat = Field(
        1.0,
        description="Added to the eigenvalues of the correlation matrix, whose mean is 1, where `spherize` and `tvn` whiten: "
        "more of it changes less; 0 is pycytominer's way, and mostly noise where reference wells are fewer than features.",
    )
    components: PositiveInt = Field(
        256, description="At most so many principal components of the reference wells are kept by `tvn`."
    )

    def of(self, method: Normalization) -> dict[str, Any]:
        """The settings that decide how a method is fitted, as plain values."""
        return self.model_dump(mode="json", include=set(READ_BY.get(method, ())))

    @model_validator(mode="after")
    def _method_is_made(self) -> NormalizationSettings:
        if self.method not in self.methods:
            raise ValueError(f"method ({self.method}) is not among methods ({', '.join(self.methods)})")
        return self
