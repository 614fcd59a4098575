"""The `comparison` section of the configuration: sixteen ways to learn a representation, and the tasks that compare them.

Numbers of the tasks are those of Dmitrenko et al. (2022), section 4.3, and of their code, where a description says no other.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from gandl.config.comparison_terms import Beyond, Paradigm, Setting, Switch, setups
from gandl.config.representations import RepresentationSettings
from gandl.config.types import (
    ChannelName,
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Section,
    Share,
)


class TilesSettings(Section):
    """The tiles: squares of one channel, cut from every image in a grid."""

    side: Annotated[int, Field(ge=16, multiple_of=4)] = Field(64, description="Side (px); the paper's is 64.")
    channel: ChannelName | None = Field(
        None,
        description="The channel that is cut; empty: the only one that the images have. `each`: every channel gives tiles of its "
        "own, and every task compares within channels: a cell line is then called `<line>, <channel>`.",
    )
    per_well: PositiveInt | None = Field(
        None,
        description="At most so many tiles of a well (and channel) that is trained on, drawn at random; empty: all.",
    )
    per_held_out_well: PositiveInt | None = Field(None, description="The same of wells that validate or are tested.")
    held_out: Annotated[float, Field(gt=0, le=0.5)] = Field(
        0.2,
        description="Share of the wells of each cell line (as nearly as can be of each treatment and dose) that every task "
        "is tested on. Where the source states a test part (folders `test` of classes), that part is tested instead.",
    )
    validation: Annotated[float, Field(gt=0, le=0.5)] = Field(
        0.1, description="Share of wells that choose what a task has to choose, and on which trainings are watched."
    )
    top_dose: bool = Field(
        True,
        description="Only the highest dose of each drug and cell line counts as drug, as in the paper; tiles of lower doses have "
        "no label.",
    )
    seed: NonNegativeInt = Field(0, description="Of the wells held out, and of the tiles drawn.")


class SimilaritySettings(Section):
    """Distances between drugs that are known to be similar, and between them and vehicle."""

    tiles: Annotated[int, Field(ge=2)] = Field(
        300,
        description="At most so many tiles of a drug and cell line (drawn at random): distances are of all their pairs.",
    )
    drawn_distances: PositiveInt = Field(
        4_000,
        description="At most so many distances of a pair and cell line are kept for the figure (the paper: about 3,600).",
    )
    collapsed_below: Share = Field(
        0.01,
        description="A representation is reported as collapsed where less than this of the size of its codes (root mean square) "
        "differs between tiles.",
    )


class HeadSettings(Section):
    """The head of two layers that is trained on frozen codes to tell drugs from controls: SGD, each grid point anew."""

    learning_rates: list[PositiveFloat] = Field([0.1, 0.05, 0.01], min_length=1, description="Grid: learning rates.")
    momenta: list[Annotated[float, Field(ge=0, lt=1)]] = Field(
        [0.9, 0.8, 0.7], min_length=1, description="Grid: momenta."
    )
    weight_decays: list[NonNegativeFloat] = Field(
        [1e-3, 1e-4, 1e-5], min_length=1, description="Grid: weight decays (L2, of weights and biases)."
    )
    epochs: PositiveInt = Field(25, description="Passes over the training tiles.")
    batch: PositiveInt = Field(1024, description="Tiles per step; more than there are: all of them.")
    hidden: PositiveInt = Field(256, description="Units of the first layer.")
    components: PositiveInt | None = Field(
        128,
        description="Principal components of the standardised codes that head and SVM see; null: all features, as in the paper. "
        "The paper's grid on 2,048 features and 6,000 tiles takes three minutes of a core, on 128 components twenty seconds.",
    )


class ClusteringSettings(Section):
    """Clusters of each cell line: UMAP in two dimensions, then HDBSCAN, over a grid of one size."""

    sizes: list[Annotated[int, Field(ge=2)]] = Field(
        list(range(10, 151, 10)),
        min_length=1,
        description="Grid of k, both UMAP's n_neighbors and HDBSCAN's min_cluster_size; k above a fifth of a cell line's tiles "
        "is left out.",
    )
    drop_up_to: NonNegativeInt = Field(
        21, description="A partition with k up to this is never chosen (the paper's code drops those up to 21)."
    )
    epochs: PositiveInt | None = Field(
        None, description="Passes of UMAP's layout; null: its own choice (500 below 10,000 tiles)."
    )
    tiles: Annotated[int, Field(ge=4)] = Field(
        2_000, description="At most so many tiles of a cell line are clustered (drawn at random)."
    )


class ComparisonTasksSettings(Section):
    """The three tasks on which representations are compared, and their intervals."""

    similarity: SimilaritySettings = Field(default_factory=SimilaritySettings, description="Similarity of drugs.")
    head: HeadSettings = Field(default_factory=HeadSettings, description="The head on frozen codes.")
    svm_c: list[PositiveFloat] = Field(
        [0.01, 0.1, 1.0, 10.0],
        min_length=1,
        description="Candidates for the C of the linear SVM on codes of length about 1; chosen, like the head, on the validation "
        "part.",
    )
    clustering: ClusteringSettings = Field(
        default_factory=ClusteringSettings, description="Clusters within cell lines."
    )
    bootstrap: PositiveInt = Field(
        1_000, description="Bootstrap draws over wells (of `table`: over seeds and cell lines)."
    )
    confidence: Fraction = Field(0.95, description="Coverage of every interval.")


class ComparisonSettings(Section):
    """The comparison of representation learning (Dmitrenko et al. 2022): paradigms, settings, tasks. Empty: not made."""

    paradigms: list[Paradigm] = Field(list(Paradigm), min_length=1, description="Of the paper's four, those compared.")
    settings: list[Setting] = Field(
        list(Setting), min_length=1, description="Augmentation and cropping, each with every paradigm."
    )
    beyond: list[Beyond] = Field(
        list(Beyond),
        description="What the paper does not have, on the same footing: `dino`, GAN-DL's discriminator (`gandl`), and the floors "
        "`untrained` (the same encoder) and `intensities`.",
    )
    seeds: list[NonNegativeInt] = Field(
        [0, 1, 2], min_length=1, description="Every setup is trained with each of these."
    )
    faithful: bool | list[Switch] = Field(
        False,
        description="`true` reproduces all twelve defects of the paper's published code, a list those that it names; "
        "docs/decisions.md holds what each does to the numbers.",
    )
    similar: Annotated[list[str], Field(min_length=2, max_length=2)] = Field(
        ["MTX", "PEM"], description="Two treatments known to be similar, whose distance is measured."
    )
    opposite: Annotated[list[str], Field(min_length=2, max_length=2)] | None = Field(
        None, description="Two treatments known to have opposite effects, where there are such."
    )
    vehicle: str = Field("DMSO", description="What the negative controls are called in tables and figures.")
    shown_cell_types: list[str] = Field(
        [], max_length=3, description="Cell lines that figures pick (at most three); empty: the first three by name."
    )
    tiles: TilesSettings = Field(default_factory=TilesSettings, description=TilesSettings.__doc__)
    recipe: RepresentationSettings = Field(
        default_factory=RepresentationSettings, description=RepresentationSettings.__doc__
    )
    tasks: ComparisonTasksSettings = Field(
        default_factory=ComparisonTasksSettings, description=ComparisonTasksSettings.__doc__
    )

    @model_validator(mode="after")
    def _names_once(self) -> ComparisonSettings:
        for key in ("paradigms", "settings", "beyond", "seeds", "shown_cell_types"):
            names = getattr(self, key)
            if twice := [name for i, name in enumerate(names) if name in names[:i]]:
                raise ValueError(f"{key} names {twice[0]} twice")
        for key in ("similar", "opposite"):
            pair = getattr(self, key)
            if pair and pair[0] == pair[1]:
                raise ValueError(f"{key} names {pair[0]} twice; a pair is two treatments")
        return self

    @property
    def switches(self) -> frozenset[Switch]:
        """The defects that are reproduced."""
        return frozenset(Switch if self.faithful is True else self.faithful or ())

    @property
    def setups(self) -> list[str]:
        """Names of all that is compared, in the order of the paper's tables."""
        return setups(self.paradigms, self.settings, self.beyond)

    @property
    def trained_seeds(self) -> list[int]:
        """The seeds that are trained: with the switch `single_seed` the first alone."""
        return self.seeds[:1] if Switch.SINGLE_SEED in self.switches else self.seeds

    def seeds_of(self, setup: str) -> list[int]:
        """The seeds of a setup: one of what no seed changes."""
        return self.trained_seeds if setup != Beyond.INTENSITIES else self.trained_seeds[:1]
