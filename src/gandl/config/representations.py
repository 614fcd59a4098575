"""The recipes of the comparison of representation learning: one class per objective, and the section they are made from.

The numbers are those of Dmitrenko et al. (2022) where the paper or its code gives one (`facts/profiling.md`, section 1.3).
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from gandl.config.comparison_terms import SWITCHES_OF, Beyond, Paradigm, Switch, parts_of, setups
from gandl.config.recipe import Intensity, RecipeSettings
from gandl.config.training import NetworkSettings, TrainingSettings
from gandl.config.types import Fraction, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Section, Share

PASSES_OF_BYOL, PASSES_OF_DINO = 5 * 2 * (3 + 1), 5 * 3 + 3
"""Passes of the encoder per tile with five crops: BYOL's two views of each take a forward and a backward pass (worth 3) and the
target's forward one; DINO's student takes the five crops, its teacher the three larger ones."""


PASSES_OF_PAPER = 50
"""Epochs of the paper, of all but BYOL, which it stops earlier."""


class TileNetworkSettings(Section):
    """Shape of the paper's encoder and heads."""

    crop: Annotated[int, Field(ge=8, multiple_of=4)] = Field(
        64, description="Side (px) of the tiles that the encoder takes; the code holds 8 (crop / 4)^2 numbers."
    )
    hidden: PositiveInt = Field(256, description="Width of the classifier's hidden layer.")


class TileAugmentationSettings(Section):
    """What augmentation does where a setting has it, and how crops are cut where it has several."""

    flip: Share = Field(0.5, description="Chance of a horizontal flip.")
    blur: Share = Field(0.2, description="Chance of a Gaussian blur (3 x 3 px).")
    blur_least: PositiveFloat = Field(0.1, description="Smallest standard deviation of the blur (px).")
    blur_most: PositiveFloat = Field(2.0, description="Largest standard deviation of the blur (px).")

    @model_validator(mode="after")
    def _in_order(self) -> TileAugmentationSettings:
        if self.blur_least > self.blur_most:
            raise ValueError(f"blur_least ({self.blur_least:g}) is more than blur_most ({self.blur_most:g})")
        return self


class ByolSettings(Section):
    """BYOL (Grill et al. 2020)."""

    projection: PositiveInt = Field(64, description="Width of projections and predictions.")
    hidden: PositiveInt = Field(2048, description="Width of the hidden layers of projector and predictor.")
    average: Fraction = Field(
        0.99,
        description="What the target keeps of itself in a step (the paper's code: 0.8, which is the switch `fast_average`).",
    )
    smallest_view: Fraction = Field(0.08, description="Smallest share of a crop's area that a view shows.")
    norm_group: Annotated[int, Field(ge=2)] = Field(
        16, description="Tiles whose batch statistics are computed together; the batch is a multiple of it."
    )
    epoch_images: NonNegativeInt = Field(
        0,
        description="The code's stop rule, judged every so many tiles after the third time: stop at two successive rises of the "
        "loss, a loss above the first, or one equal to the last in four decimals. 0: all tiles are shown.",
    )


class DinoSettings(Section):
    """DINO (Caron et al. 2021), with the five crops of the multi-crop settings; the teacher sees the three larger ones."""

    outputs: PositiveInt = Field(256, description="Width of the heads' output.")
    hidden: PositiveInt = Field(512, description="Width of the heads' hidden layers.")
    bottleneck: PositiveInt = Field(64, description="Width of the layer before the output, whose length is 1.")
    average: Fraction = Field(0.99, description="What the teacher keeps of itself in a step.")
    student_temperature: PositiveFloat = Field(0.1, description="Temperature of the student's softmax.")
    teacher_temperature: PositiveFloat = Field(0.04, description="Temperature of the teacher's: lower is sharper.")
    centre_average: Fraction = Field(0.9, description="What the centre of the teacher's outputs keeps of itself.")
    norm_group: Annotated[int, Field(ge=2)] = Field(
        16, description="Tiles whose batch statistics are computed together; the batch is a multiple of it."
    )


class GandlOnTilesSettings(Section):
    """GAN-DL's recipe on the same tiles; its features are those of the discriminator, as everywhere."""

    network: NetworkSettings = Field(
        default_factory=lambda: NetworkSettings(channel_base=1024, channel_max=64), description="Shape of the networks."
    )
    images: NonNegativeInt = Field(0, description="Tiles shown; 0: as many as to the others.")
    batch: PositiveInt = Field(16, description="Tiles per step; a multiple of network.minibatch_std_group.")
    learning_rate: PositiveFloat = Field(0.001, description="Adam's learning rate of both networks.")
    r1_gamma: NonNegativeFloat = Field(50.0, description="Weight of the R1 penalty.")


class SharedRecipe(RecipeSettings):
    """What the user chooses for all setups together.

    What the classifier needs to learn anything of some thousand tiles was measured on synthetic ones (cells whose radius a drug
    raises from 4.5 to 5.5 px; 512 held-out tiles, learning rate 0.001). Pixels of [0, 1] and batches of 32: accuracy 0.54 after
    2,048 tiles, 0.68 after 4,096; standardised, 0.60 and 0.73; standardised in batches of 16, 0.65 after 1,536, 0.73 after 3,072,
    0.84 after 6,144 tiles. So steps are scarce: where few tiles are shown, batches are small, and rates are not those of the
    paper, whose 256 and 1e-4 are for 50 times 770,000 tiles. Initial weights that keep a signal's variance (He et al. 2015) learn
    later (0.50, 0.67 and 0.73), and are not used.

    On the simulated grey screen (effect 2, tiles of 32 px at half resolution; 2,560 tiles, batch 16, rate 0.001, one seed; 71 %
    of the validation part are drugs), whose tiles differ more in brightness than within themselves, the classifier had accuracy
    0.54 with precision 0.99 and recall 0.36 on one scale for all (`intensity: store`); with each tile standardised by itself
    (`site`) 0.28 with recall 0.01: it called nearly nothing a drug. With effect 1, tiles of 64 px and 2,048 to 4,096 of them it
    stayed at chance. So `store` is the default, and what `config/comparison.yaml` takes.
    """

    section: ClassVar[str] = "comparison.recipe"
    width_key: ClassVar[str] = "network.hidden"

    network: TileNetworkSettings = Field(default_factory=TileNetworkSettings, description="Shape of the networks.")
    resolution: PositiveInt = Field(
        128, description="Stored resolution (px) of the images that tiles are cut from (embeddings.resolutions)."
    )
    intensity: Intensity = Field(
        Intensity.STORE,
        description="What the networks see: one scale for all tiles (`store`), or each tile standardised by itself (`site`).",
    )
    standardize: bool = Field(
        True,
        description="The encoder sees pixels in units of each tile's deviation where `intensity` is site, else less 0.449 over "
        "0.226 (the paper: in BYOL alone); false: those of [0, 1].",
    )
    images: PositiveInt = Field(20_000, description="Tiles shown; training ends there.")
    batch: PositiveInt = Field(256, description="Tiles per step.")
    learning_rate: PositiveFloat = Field(1e-4, description="Adam's learning rate, constant.")
    beta1: Annotated[float, Field(ge=0, lt=1)] = Field(0.9, description="Adam's first decay rate.")
    beta2: Annotated[float, Field(gt=0, lt=1)] = Field(0.999, description="Adam's second decay rate.")
    ema_half_life: PositiveFloat = Field(
        8_000.0, description="Of no use here: codes are those of the last weights (DINO's of its teacher)."
    )
    ema_rampup: NonNegativeFloat = Field(0.05, description="Of no use here.")
    symmetry: bool = Field(False, description="Flip tiles and rotate them by right angles, in every setting.")
    held_out: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.05, description="Share of sites held out where sites are trained on; tiles have their validation part."
    )
    validation_images: Annotated[int, Field(ge=2)] = Field(
        512, description="At most so many held-out tiles are looked at."
    )
    augmentation: TileAugmentationSettings = Field(
        default_factory=TileAugmentationSettings, description="Flip and blur, where a setting augments."
    )

    @property
    def crop(self) -> int:
        return self.network.crop

    @model_validator(mode="after")
    def _is_not_compiled(self) -> SharedRecipe:
        if self.engine.compile:
            raise ValueError("engine.compile is not for these networks: set it to false")
        return self


class RepresentationRecipe(SharedRecipe):
    """What all objectives of the comparison take: what is shared, and what the setup decides."""

    augment: bool = Field(False, description="Flip and blur at random.")
    multi_crop: bool = Field(False, description="Five crops of three scales, or the tile itself.")
    switches: list[Switch] = Field([], description="Defects of the published code that are reproduced.")
    balanced: bool = Field(True, description="Draw drugs and controls equally often; otherwise every tile.")

    def has(self, switch: Switch) -> bool:
        """Whether a defect is reproduced."""
        return switch in self.switches


class UnsupervisedSettings(RepresentationRecipe):
    """The autoencoder."""


class SupervisedRecipe(RepresentationRecipe):
    """What learns whether a tile shows a drug or a control."""


class WeaklySupervisedSettings(SupervisedRecipe):
    """The classifier of drugs and controls."""


class RegularizedSettings(SupervisedRecipe):
    """The autoencoder whose code must also tell drugs from controls."""

    regularizer_weight: PositiveFloat = Field(
        1.0, description="Weight of the classification loss beside the reconstruction's."
    )


class SelfSupervisedSettings(RepresentationRecipe):
    """BYOL."""

    group_key: ClassVar[str] = "byol.norm_group"

    byol: ByolSettings = Field(default_factory=ByolSettings, description="BYOL.")

    @property
    def group(self) -> int:
        return min(self.byol.norm_group, self.batch)

    @property
    def average(self) -> float:
        """What the target keeps of itself in a step."""
        return FAST_AVERAGE if self.has(Switch.FAST_AVERAGE) else self.byol.average


class DinoOnTilesSettings(RepresentationRecipe):
    """DINO."""

    group_key: ClassVar[str] = "dino.norm_group"

    dino: DinoSettings = Field(default_factory=DinoSettings, description="DINO.")

    @property
    def group(self) -> int:
        return min(self.dino.norm_group, self.batch)


FAST_AVERAGE = 0.8
"""Of the paper's code."""

OBJECTIVE_SETTINGS: dict[str, type[RepresentationRecipe]] = {
    Paradigm.UNSUPERVISED.value: UnsupervisedSettings,
    Paradigm.SELF_SUPERVISED.value: SelfSupervisedSettings,
    Paradigm.WEAKLY_SUPERVISED.value: WeaklySupervisedSettings,
    Paradigm.REGULARIZED.value: RegularizedSettings,
    Beyond.DINO.value: DinoOnTilesSettings,
}
"""By the name of the objective, which is that of the paradigm."""


class RepresentationSettings(SharedRecipe):
    """The section `comparison.recipe`: what all setups share, and what is one paradigm's own."""

    images_of: dict[str, PositiveInt] = Field(
        {},
        description="Tiles shown to single paradigms (or `dino`) instead of `images`. Without a number of its own DINO is shown "
        "as many as the compute of BYOL with augmentation and five crops allows.",
    )
    learning_rates: dict[str, PositiveFloat] = Field(
        {}, description="Learning rates of single paradigms (or `dino`) that differ from the common one."
    )
    balanced: bool = Field(
        True,
        description="Draw drugs and controls equally often for every setup, since the paper's set is balanced, so that all see "
        "the same tiles: none without a label, then. Labels enter no other loss than those that learn from them. GAN-DL's recipe "
        "has no such setting: its tiles are always drawn so. Where tiles have no two labels, or false: every tile.",
    )
    regularizer_weight: PositiveFloat = Field(1.0, description="Regularized: weight of the classification loss.")
    byol: ByolSettings = Field(default_factory=ByolSettings, description="Self-supervised: BYOL.")
    dino: DinoSettings = Field(default_factory=DinoSettings, description="DINO, beside the paper's.")
    gandl: GandlOnTilesSettings = Field(
        default_factory=GandlOnTilesSettings, description="GAN-DL on the same tiles, beside the paper's."
    )

    @model_validator(mode="after")
    def _rates_are_of_paradigms(self) -> RepresentationSettings:
        for key in ("images_of", "learning_rates"):
            unknown = sorted(getattr(self, key).keys() - OBJECTIVE_SETTINGS.keys())
            if unknown:
                raise ValueError(f"{key} names {', '.join(unknown)}; known: {', '.join(OBJECTIVE_SETTINGS)}")
        for setup in setups():
            if setup != Beyond.INTENSITIES:
                self.of(setup)  # what does not fit one of them is said when the configuration is read
        return self

    def of(
        self, setup: str, switches: frozenset[Switch] = frozenset(), resolution: int | None = None
    ) -> tuple[str, RecipeSettings]:
        """The objective that learns a setup, and its settings.

        Parameters
        ----------
        setup : as `gandl.config.comparison_terms.setups` names them; of `untrained` the settings that its encoder is made from.
        switches : defects to reproduce; those that this training does not depend on are left out, so that they do not train it
            anew.
        resolution : stored size (px) of the images that tiles are cut from; by default the recipe's own.

        Raises
        ------
        ValueError : no such setup, or one that has no network.
        """
        parts = parts_of(setup)
        if parts is Beyond.INTENSITIES:
            raise ValueError(f"the setup {setup} has no network, and so no recipe")
        resolution = resolution or self.resolution
        if parts is Beyond.GANDL:
            return "gan", self._of_gandl(resolution)
        if isinstance(parts, Beyond):
            objective = Beyond.DINO.value if parts is Beyond.DINO else Paradigm.UNSUPERVISED.value
            augment = multi_crop = parts is Beyond.DINO
        else:
            objective, augment, multi_crop = parts[0].value, parts[1].augment, parts[1].multi_crop
        kind = OBJECTIVE_SETTINGS[objective]
        shared = self.model_dump(include=set(kind.model_fields))
        own: dict[str, object] = {"augment": augment, "multi_crop": multi_crop}
        own["learning_rate"] = self.learning_rates.get(objective, self.learning_rate)
        own["images"] = self.images_of.get(objective, self.images)
        if parts is Beyond.DINO and objective not in self.images_of:
            own["images"] = self.images * PASSES_OF_BYOL // PASSES_OF_DINO
        of_setup = () if isinstance(parts, Beyond) else SWITCHES_OF[parts[0]]
        chosen = [switch for switch in of_setup if switch in switches]
        settings = {**shared, **own, "resolution": resolution, "switches": chosen}
        return objective, kind.model_validate(settings)

    def passes(self, setup: str, tiles: int) -> float:
        """How often the training of a setup goes through so many training tiles."""
        return self.of(setup)[1].images / tiles

    @property
    def dino_as_byol(self) -> bool:
        """Whether DINO has as many passes of the encoder as BYOL with five crops: nothing changes the tiles of either."""
        changed = {Beyond.DINO.value, Paradigm.SELF_SUPERVISED.value} & self.images_of.keys()
        return not changed and not self.byol.epoch_images

    def _of_gandl(self, resolution: int) -> TrainingSettings:
        own = self.gandl
        shared = {"intensity", "symmetry", "seed", "checkpoint_images", "roll_backs", "looks", "live_csv"}
        return TrainingSettings.model_validate(
            {
                **self.model_dump(include=shared),
                **own.model_dump(exclude={"images"}),
                "network": {**own.network.model_dump(), "crop": self.crop},
                "resolution": resolution,
                "images": own.images or self.images,
                "engine": {"precision": self.engine.precision},
                "probe": False,
                "nuclear_channels": [],
            }
        )
