"""The whole configuration of a run: its sections (that of the export of plates here), and what must fit between them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from gandl.config.comparison import ComparisonSettings
from gandl.config.counterparts import CounterpartsSettings
from gandl.config.cytogan import CytoganSettings, recipes_of_cytogan
from gandl.config.normalization import NormalizationSettings
from gandl.config.recipe import ComputeSettings, RecipeSettings
from gandl.config.source import Dataset, SourceSettings
from gandl.config.stages import (
    IMAGENET,
    EmbeddingsSettings,
    EvaluationSettings,
    FeaturizerName,
    FiguresSettings,
    ImageNetNetwork,
    ImagesSettings,
    QuestionName,
)
from gandl.config.training import TrainingSettings
from gandl.config.types import NonNegativeInt, Section

WITHOUT_MECHANISMS = (
    Dataset.RXRX19A,
    Dataset.RXRX1,
    Dataset.BBBC013,
    Dataset.CELL_LINES,
    Dataset.CLASS_FOLDERS,
)
"""Screens whose sites tables name no mechanism of action."""


def _as_in_tables(well: str) -> str:
    match = re.fullmatch(r"([A-Z]|A[A-F])0?([1-9]|[1-3]\d|4[0-8])", well.strip().upper())
    if match is None:
        raise ValueError(f"{well} is no well; wells are named A1 (or A01) to AF48")
    return f"{match[1]}{int(match[2]):02d}"


class OmeZarrSettings(Section):
    """Plates to export as OME-Zarr 0.5, for napari and other viewers; made only if requested: `make reproduce ARGS=ome_zarr`."""

    screen: Dataset | None = Field(
        None, description="Screen whose plates are exported; empty: the first of `source.datasets`."
    )
    plates: list[str] = Field(
        default_factory=list,
        description="Plates to export (`HRCE-1_25`; of RxRx1 `HUVEC-01_2`, or all four of the experiment `HUVEC-01`); empty: all "
        "of the screen. A plate of RxRx19a, stored at 512 px, takes up to 9 GB.",
    )
    wells: list[Annotated[str, AfterValidator(_as_in_tables)]] = Field(
        default_factory=list, description="Wells to export of each of these plates (`B02`); empty: all of them."
    )


def _not_the_downloads(value: str) -> str:
    if value == "downloads":
        raise ValueError("downloads is the folder that all runs share; choose another name for the run")
    return value


class Config(Section):
    """Everything that a run depends on."""

    run: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"), AfterValidator(_not_the_downloads)] = Field(
        "simulated", description="Name of the run: its folder under `results/`. Two names never mix."
    )
    seed: NonNegativeInt = Field(0, description="Seed of the bootstrap; training has its own.")
    mirror: str | None = Field(
        None, description="Folder or base URL that holds `<host>/<path>` of every download; empty: the official hosts."
    )
    source: SourceSettings = Field(default_factory=SourceSettings, description=SourceSettings.__doc__)
    images: ImagesSettings = Field(default_factory=ImagesSettings, description=ImagesSettings.__doc__)
    training: TrainingSettings = Field(default_factory=TrainingSettings, description=TrainingSettings.__doc__)
    counterparts: CounterpartsSettings = Field(
        default_factory=CounterpartsSettings, description=CounterpartsSettings.__doc__
    )
    embeddings: EmbeddingsSettings = Field(default_factory=EmbeddingsSettings, description=EmbeddingsSettings.__doc__)
    normalization: NormalizationSettings = Field(
        default_factory=NormalizationSettings, description=NormalizationSettings.__doc__
    )
    evaluation: EvaluationSettings = Field(default_factory=EvaluationSettings, description=EvaluationSettings.__doc__)
    comparison: ComparisonSettings | None = Field(None, description=ComparisonSettings.__doc__)
    cytogan: CytoganSettings | None = Field(None, description=CytoganSettings.__doc__)
    figures: FiguresSettings = Field(default_factory=FiguresSettings, description=FiguresSettings.__doc__)
    ome_zarr: OmeZarrSettings = Field(default_factory=OmeZarrSettings, description=OmeZarrSettings.__doc__)
    compute: ComputeSettings = Field(default_factory=ComputeSettings, description=ComputeSettings.__doc__)

    @property
    def simulated(self) -> bool:
        return self.source.simulated

    @property
    def imagenet_networks(self) -> list[ImageNetNetwork]:
        """Networks whose ImageNet weights this run reads: of the counterparts, and of the autoencoder's perceptual loss."""
        chosen, perceptual = self.embeddings.featurizers, self.counterparts.conv_ae.perceptual
        networks = []
        if {FeaturizerName.IMAGENET_COLLAPSED, FeaturizerName.IMAGENET_CONCATENATED} & set(chosen):
            networks.append(self.embeddings.imagenet.network)
        if FeaturizerName.CONV_AE in chosen and perceptual.weight:
            networks.append(perceptual.network)
        return list(dict.fromkeys(networks))

    @model_validator(mode="after")
    def _stages_fit(self) -> Config:
        screens, screen = set(self.source.datasets), self.source.screen
        for key, names in (
            ("embeddings.featurizers", self.embeddings.featurizers),
            ("normalization.methods", self.normalization.methods),
            ("evaluation.questions", self.evaluation.questions),
        ):
            if twice := [name for i, name in enumerate(names) if name in names[:i]]:
                raise ValueError(f"{key} names {twice[0]} twice")
        for key, named in (
            ("images.resolutions", set(self.images.resolutions)),
            ("embeddings.resolutions", set(self.embeddings.resolutions)),
        ):
            if named != screens:
                raise ValueError(
                    f"{key} names {_named(named)}; it must name the screens of source.datasets: {_named(screens)}"
                )
        for dataset, resolution in self.embeddings.resolutions.items():
            if resolution not in self.images.resolutions[dataset]:
                raise ValueError(
                    f"embeddings.resolutions requests {dataset} at {resolution} px, which is not among its "
                    f"images.resolutions {self.images.resolutions[dataset]}"
                )
            seen = round(resolution * self.embeddings.rescale.get(dataset, 1.0))
            if seen < self.training.network.crop:
                raise ValueError(
                    f"embeddings.resolutions: images of {dataset} are {seen} px when the networks see them, smaller than "
                    f"training.network.crop ({self.training.network.crop})"
                )
        stored = self.images.resolutions[screen]
        if self.training.resolution not in stored:
            raise ValueError(
                f"training.resolution ({self.training.resolution}) is not among images.resolutions of {screen} {stored}"
            )
        if self.training.network.crop > self.training.resolution:
            raise ValueError(
                f"training.network.crop ({self.training.network.crop}) is larger than the images "
                f"(training.resolution {self.training.resolution})"
            )
        self._fits_gpus()
        self._fits_comparison()
        if set(IMAGENET) & set(self.embeddings.featurizers):
            self._fits_imagenet()
        if FeaturizerName.DENSENET161_ARCFACE in self.embeddings.featurizers:
            self._fits_baseline()
        if FeaturizerName.CONV_AE in self.embeddings.featurizers:
            self._fits_crops("counterparts.conv_ae", self.counterparts.conv_ae)
        for recipe in recipes_of_cytogan(self.cytogan, self.embeddings.featurizers).values():
            self._fits_crops(recipe.section, recipe)
        if FeaturizerName.IMAGENET_COLLAPSED in self.embeddings.featurizers:
            self._fits_collapsed()
        questions = self.evaluation.questions
        if QuestionName.CELL_TYPE in questions and Dataset.RXRX1 not in screens:
            raise ValueError(
                "evaluation.questions names cell_type, but source.datasets does not name rxrx1, whose cells it asks for"
            )
        if QuestionName.CELL_MODEL in questions and screen not in (Dataset.RXRX19A, Dataset.PLATES):
            raise ValueError(
                f"evaluation.questions names cell_model (HRCE against VERO), but {screen} has no such cells"
            )
        if QuestionName.CALIBRATION in questions and not self.simulated:
            raise ValueError("evaluation.questions names calibration, but only a simulated screen has a known truth")
        if QuestionName.MECHANISM in questions and screen in WITHOUT_MECHANISMS:
            raise ValueError(
                f"evaluation.questions names mechanism, but wells of {screen} name no mechanisms of action (moa); a lab's own "
                "plates may"
            )
        return self

    def _fits_comparison(self) -> None:
        """Either featurizers are compared, or the setups of the comparison, or both; tiles are what its networks take."""
        compared = self.comparison
        if compared is None:
            if not self.embeddings.featurizers:
                raise ValueError(
                    "embeddings.featurizers names none, and the section comparison is empty: nothing is embedded"
                )
            return
        if not self.embeddings.featurizers and self.evaluation.questions:
            raise ValueError(
                f"evaluation.questions names {self.evaluation.questions[0]}, but embeddings.featurizers names none to ask about"
            )
        side = compared.tiles.side
        for key, crop in (("network", compared.recipe.crop), ("gandl.network", compared.recipe.gandl.network.crop)):
            if side != crop:
                raise ValueError(
                    f"comparison.tiles.side ({side}) must be comparison.recipe.{key}.crop ({crop}), the side that it takes"
                )
        stored = self.embeddings.resolutions[self.source.screen]
        if side > stored:
            raise ValueError(
                f"comparison.tiles.side ({side}) is larger than the images (embeddings.resolutions: {stored} px)"
            )

    def _fits_baseline(self) -> None:
        """The baseline is trained on stored images of RxRx1, with every GPU computing whole groups of a batch."""
        recipe, gpus, key = self.counterparts.baseline, self.compute.processes, self.compute.processes_from
        if Dataset.RXRX1 not in self.source.datasets:
            raise ValueError(
                "embeddings.featurizers names densenet161_arcface, which is trained on rxrx1; source.datasets does not name it"
            )
        stored = self.images.resolutions[Dataset.RXRX1]
        if recipe.resolution not in stored:
            raise ValueError(
                f"counterparts.baseline.resolution ({recipe.resolution}) is not among images.resolutions of rxrx1 {stored}"
            )
        if recipe.crop > recipe.resolution:
            raise ValueError(
                f"counterparts.baseline.network.crop ({recipe.crop}) is larger than the images "
                f"(counterparts.baseline.resolution {recipe.resolution})"
            )
        if recipe.batch % (recipe.group * gpus):
            raise ValueError(
                f"counterparts.baseline.batch ({recipe.batch}) must be a multiple of norm_group times {key} "
                f"({recipe.group} x {gpus} = {recipe.group * gpus})"
            )
        part = recipe.engine.microbatch
        if part and recipe.batch // gpus % part:
            raise ValueError(
                f"counterparts.baseline.batch ({recipe.batch}) is shared among {gpus} GPUs: make each one's share a multiple of "
                f"engine.microbatch ({part})"
            )

    def _fits_crops(self, key: str, recipe: RecipeSettings) -> None:
        """A network is trained on stored images of the first screen and embeds those of every screen, crop by crop."""
        screen, gpus = self.source.screen, self.compute.processes
        stored = self.images.resolutions[screen]
        if recipe.resolution not in stored:
            raise ValueError(
                f"{key}.resolution ({recipe.resolution}) is not among images.resolutions of {screen} {stored}"
            )
        if recipe.crop > recipe.resolution:
            raise ValueError(
                f"{key}.network.crop ({recipe.crop}) is larger than the images ({key}.resolution {recipe.resolution})"
            )
        for dataset, resolution in self.embeddings.resolutions.items():
            seen = round(resolution * self.embeddings.rescale.get(dataset, 1.0))
            if seen < recipe.crop:
                raise ValueError(
                    f"embeddings.resolutions: images of {dataset} are {seen} px when the networks see them, smaller than "
                    f"{key}.network.crop ({recipe.crop})"
                )
        part, groups = recipe.engine.microbatch, recipe.group * gpus
        if recipe.batch % groups or (part and recipe.batch // gpus % part):
            counted = f" times {recipe.group_key.rpartition('.')[2]} ({recipe.group})" if recipe.group > 1 else ""
            raise ValueError(
                f"{key}.batch ({recipe.batch}) must be a multiple of {self.compute.processes_from} ({gpus}){counted}, and each "
                f"one's share a multiple of engine.microbatch ({part})"
            )

    def _fits_imagenet(self) -> None:
        """The networks of ImageNet see whole sites of every screen."""
        network = self.embeddings.imagenet.network
        for dataset, resolution in self.embeddings.resolutions.items():
            seen = round(resolution * self.embeddings.rescale.get(dataset, 1.0))
            if seen < network.smallest:
                raise ValueError(
                    f"embeddings.resolutions: images of {dataset} are {seen} px when the networks see them, smaller than "
                    f"embeddings.imagenet.network {network} takes ({network.smallest} px)"
                )

    def _fits_collapsed(self) -> None:
        """Its models are trained on stored images of every screen of which a question is asked."""
        recipe, asked = self.counterparts.collapsed, {self.source.screen}
        if QuestionName.CELL_TYPE in self.evaluation.questions:
            asked.add(Dataset.RXRX1)
        for dataset in sorted(asked & set(self.images.resolutions)):
            stored = self.images.resolutions[dataset]
            if recipe.resolution not in stored:
                raise ValueError(
                    f"counterparts.collapsed.resolution ({recipe.resolution}) is not among images.resolutions of {dataset} "
                    f"{stored}"
                )
        if recipe.crop > recipe.resolution:
            raise ValueError(
                f"counterparts.collapsed.network.crop ({recipe.crop}) is larger than the images "
                f"(counterparts.collapsed.resolution {recipe.resolution})"
            )
        network = self.embeddings.imagenet.network
        if recipe.crop < network.smallest:
            raise ValueError(
                f"counterparts.collapsed.network.crop ({recipe.crop}) is smaller than embeddings.imagenet.network {network} "
                f"takes ({network.smallest} px)"
            )

    def _fits_gpus(self) -> None:
        """Every GPU computes as many images of a batch, in whole groups of the minibatch deviation."""
        training, gpus, key = self.training, self.compute.processes, self.compute.processes_from
        group, part = training.network.minibatch_std_group, training.engine.microbatch
        if training.batch % (group * gpus):
            raise ValueError(
                f"training.batch ({training.batch}) must be a multiple of minibatch_std_group times {key} "
                f"({group} x {gpus} = {group * gpus})"
            )
        if part and training.batch // gpus % part:
            raise ValueError(
                f"training.engine.microbatch ({part}) must divide what each of {gpus} GPUs computes of a batch "
                f"({training.batch} / {gpus} = {training.batch // gpus} images)"
            )


def _named(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
