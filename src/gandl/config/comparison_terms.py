"""Terms of the comparison of representation learning (Dmitrenko et al. 2022): paradigms, settings, setups and switches.

A setup is a way to learn a representation: a paradigm in one setting (`unsupervised.aug_multi_crop`), or one of those that the
paper does not have, by its name alone (`dino`). A switch reproduces one defect of the paper's published code.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

EACH = "each"
"""The value of `comparison.tiles.channel` that cuts every channel."""


class Paradigm(StrEnum):
    """The paper's four models, in the order of its tables."""

    UNSUPERVISED = "unsupervised"
    SELF_SUPERVISED = "self_supervised"
    WEAKLY_SUPERVISED = "weakly_supervised"
    REGULARIZED = "regularized"


class Setting(StrEnum):
    """Augmentation and cropping, in the order of the columns of the paper's tables."""

    AUG_MULTI_CROP = "aug_multi_crop"
    AUG_ONE_CROP = "aug_one_crop"
    NO_AUG_MULTI_CROP = "no_aug_multi_crop"
    NO_AUG_ONE_CROP = "no_aug_one_crop"

    @property
    def augment(self) -> bool:
        """Whether crops are flipped and blurred at random."""
        return self in (Setting.AUG_MULTI_CROP, Setting.AUG_ONE_CROP)

    @property
    def multi_crop(self) -> bool:
        """Whether a tile is seen as five crops of three scales, or as one of its own size."""
        return self in (Setting.AUG_MULTI_CROP, Setting.NO_AUG_MULTI_CROP)


class Beyond(StrEnum):
    """What stands beside the paper's setups on the same footing; the last two are floors, in which nothing is learned."""

    DINO = "dino"
    GANDL = "gandl"
    UNTRAINED = "untrained"
    INTENSITIES = "intensities"

    @property
    def learned(self) -> bool:
        return self in (Beyond.DINO, Beyond.GANDL)

    @property
    def seeded(self) -> bool:
        """Whether a seed changes it."""
        return self is not Beyond.INTENSITIES


class Switch(StrEnum):
    """One defect of the published code each; on, it is reproduced. In the order of `facts/profiling.md`, section 1.6."""

    DETACHED_REGULARIZER = "detached_regularizer"
    LINEAR_HEAD = "linear_head"
    DOUBLE_SOFTMAX = "double_softmax"
    UNNORMALIZED_CODES = "unnormalized_codes"
    BATCH_AUGMENTATION = "batch_augmentation"
    FAST_AVERAGE = "fast_average"
    HARD_AUC = "hard_auc"
    TEST_SELECTION = "test_selection"
    TILE_SPLIT = "tile_split"
    MAD_OF_SCALAR = "mad_of_scalar"
    RECALL_AS_PRECISION = "recall_as_precision"
    SINGLE_SEED = "single_seed"


SWITCHES_OF: dict[Paradigm, tuple[Switch, ...]] = {
    Paradigm.UNSUPERVISED: (),
    Paradigm.SELF_SUPERVISED: (Switch.UNNORMALIZED_CODES, Switch.BATCH_AUGMENTATION, Switch.FAST_AVERAGE),
    Paradigm.WEAKLY_SUPERVISED: (Switch.LINEAR_HEAD, Switch.DOUBLE_SOFTMAX, Switch.RECALL_AS_PRECISION),
    Paradigm.REGULARIZED: (
        Switch.DETACHED_REGULARIZER,
        Switch.LINEAR_HEAD,
        Switch.DOUBLE_SOFTMAX,
        Switch.RECALL_AS_PRECISION,
    ),
}
"""The switches that a paradigm's training depends on: no other trains it anew, and none those beyond the paper."""


def setup_name(paradigm: Paradigm, setting: Setting) -> str:
    """The name of a setup of the paper."""
    return f"{paradigm}.{setting}"


def setups(
    paradigms: Sequence[Paradigm] = tuple(Paradigm),
    settings: Sequence[Setting] = tuple(Setting),
    beyond: Sequence[Beyond] = tuple(Beyond),
) -> list[str]:
    """Names of setups in the order of the paper's tables (paradigms, and within them settings), then those beyond it."""
    of_paper = [setup_name(paradigm, setting) for paradigm in Paradigm for setting in Setting]
    asked = {setup_name(paradigm, setting) for paradigm in paradigms for setting in settings}
    return [*(name for name in of_paper if name in asked), *(str(name) for name in Beyond if name in beyond)]


def parts_of(setup: str) -> tuple[Paradigm, Setting] | Beyond:
    """Paradigm and setting of a setup of the paper, or which of those beyond it a name is.

    Raises
    ------
    ValueError : it names no setup; the message lists those that there are.
    """
    paradigm, dot, setting = setup.partition(".")
    try:
        return (Paradigm(paradigm), Setting(setting)) if dot else Beyond(setup)
    except ValueError:
        raise ValueError(f"{setup!r} is no setup of the comparison: take one of {', '.join(setups())}") from None
