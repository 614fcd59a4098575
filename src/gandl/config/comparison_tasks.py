"""The tasks of the comparison of representation learning: how similarity, drugs against controls, and clusters are measured.

Numbers are those of Dmitrenko et al. (2022), section 4.3, and of their published code, where a description says no other.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gandl.config.types import Fraction, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Section, Share


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
        description="A representation is told as collapsed where less than this of the size of its codes (root mean square) "
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
        description="Grid of k, both UMAP's n_neighbors and HDBSCAN's min_cluster_size; k above half of a cell line's tiles is "
        "left out.",
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
