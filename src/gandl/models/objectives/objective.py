"""What is learned, behind one interface: takes batches of real crops, makes steps; knows its state, its numbers and its model.

The engine (`gandl.models.engine`) drives every objective in the same way: loop, guard, checkpoints, resuming, ranks and looks. A
new one is a subclass of `Objective` with a `TrainedModel` of its own, both named in one table each (`docs/add-an-objective.md`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from gandl.config import RecipeSettings
from gandl.models.compute.device import CPU, autocast
from gandl.models.compute.notes import Notes, StepNumbers
from gandl.models.compute.randomness import Purpose, torch_rng
from gandl.models.compute.ranks import ALONE, Ranks
from gandl.models.crops.intensity import IntensityScale
from gandl.models.crops.loader import deal
from gandl.models.crops.supervision import Labels, SupervisionError
from gandl.models.networks.trained import TrainedModel
from gandl.models.objectives.troubles import Check, Trouble
from gandl.workflow.code_version import code_version

Recipe = TypeVar("Recipe", bound=RecipeSettings)

COURSE_NUMBERS = {"learning_rate": "learning rate", "r1_gamma": "R1 gamma"}
"""What a roll-back may change of an objective, in the order of the curve, and its name in the status line and the log."""


class TrainingError(RuntimeError):
    """Training cannot continue; the message says at which step, why, and what to change."""


class Batches(Protocol):
    """Where real crops come from: `gandl.models.crops.loader.Loader`, or a substitute."""

    scale: IntensityScale

    def batch(self, step: int, course: int) -> list[Tensor]:
        """This rank's parts of a step's batch, (m, c, s, s) each, on the device and on the networks' scale."""
        ...

    def sites(self, step: int, course: int) -> list[Tensor]:
        """Numbers (m,) of the sites that they are cut from, counted through all stores."""
        ...


class Objective(ABC, Generic[Recipe]):
    """What one training learns, on one device.

    A batch is computed in parts (`Ranks.deal`): gradients add up over this process's parts and are averaged over processes before
    each descent, so that the step is that of the whole batch.

    Parameters
    ----------
    loader : gives real crops on the device, on the networks' scale.
    settings : of this objective's own class.
    labels : of the sites that the loader draws from; for objectives that are supervised.
    pretrained : published weights of the frozen network that it rests on (`rests_on`); None: those that come with a package.
    seed : of initial weights and of all that is drawn.
    ranks : this process among those that train together.
    dtype : of the networks; float64 is for comparisons.

    Attributes
    ----------
    settings_type : class of its settings.
    supervised : whether it learns from labels.
    shows_held_out : whether its samples are of held-out sites (where there are any), since it draws what it is shown.
    name : as weights files and `gandl.models.objectives` hold it.
    metrics, shown : what its steps measure, in the order of the live CSV; and what the status line shows of it, by which name.
    step_number : steps made so far.
    course : how often this training has rolled back; each course draws other numbers and crops.
    factors, factors_at_first : what roll-backs have done to settings, by the names of `COURSE_NUMBERS`; and before any.
    measured_by : module with a function `measures`, which evaluates its models at every look (`gandl.models.looks.measures`);
        empty: they are not evaluated.

    Raises
    ------
    gandl.models.compute.ranks.PartsError : the batch cannot be split among these ranks and microbatches.
    gandl.models.crops.supervision.SupervisionError : it is supervised, and there are no labels.
    """

    settings_type: ClassVar[type[RecipeSettings]]
    supervised: ClassVar[bool] = False
    shows_held_out: ClassVar[bool] = False
    name: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]
    shown: ClassVar[Mapping[str, str]]
    measured_by: ClassVar[str] = ""
    factors_at_first: ClassVar[Mapping[str, float]] = {"learning_rate": 1.0}

    def __init__(
        self,
        loader: Batches,
        settings: Recipe,
        seed: int,
        *,
        labels: Labels | None = None,
        pretrained: Path | None = None,
        ranks: Ranks = ALONE,
        device: torch.device = CPU,
        pixel_size_um: float | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if self.supervised and labels is None:
            raise SupervisionError(f"the objective {self.name} learns from labels, and none were given")
        self.labels, self.pretrained = labels, pretrained
        self.settings, self.seed, self.ranks, self.device, self.dtype = settings, seed, ranks, device, dtype
        self.loader, self.scale, self.pixel_size_um = loader, loader.scale, pixel_size_um
        self._parts = [part.to(device) for part in deal(settings, ranks)]
        self.step_number, self.course = 0, 0
        self.factors = dict(self.factors_at_first)
        self._notes = Notes()
        self._build()

    # What an objective states

    @abstractmethod
    def _build(self) -> None:
        """The last step of `__init__`: make networks, averages and optimisers of the seed, on the device."""

    @abstractmethod
    def _learn(self) -> None:
        """One batch: descend on it, move averages, note what was measured."""

    @abstractmethod
    def _follow_course(self) -> None:
        """Take over the learning rate of the course."""

    def _stateful(self) -> Mapping[str, nn.Module | torch.optim.Optimizer]:
        """Networks, averages and optimisers by name; where more decides the future, `_state` and `_restore` are overridden."""
        raise NotImplementedError

    def _state(self) -> dict[str, Any]:
        """All that decides the future besides step and course, as tensors and plain values."""
        return {name: part.state_dict() for name, part in self._stateful().items()}

    def _restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `_state` gave, of whichever device."""
        for name, part in self._stateful().items():
            part.load_state_dict(state[name])

    @property
    @abstractmethod
    def trained(self) -> Sequence[nn.Module]:
        """The networks that descend."""

    @abstractmethod
    def model(self) -> TrainedModel:
        """The networks as they are now."""

    @classmethod
    @abstractmethod
    def work(cls, settings: Recipe, channels: int) -> float:
        """Floating-point operations of a training per real image shown."""

    @classmethod
    def checks(cls, settings: Recipe) -> dict[str, Check]:
        """What must not last of its numbers; numbers that are not finite are found by the guard itself."""
        return {}

    @classmethod
    def by_class(cls, settings: Recipe) -> bool:
        """Whether every class is drawn equally often, where there are labels (tiles have some for every objective); otherwise
        every site."""
        return False

    @classmethod
    def rests_on(cls, settings: Recipe, pretrained: Path | None) -> str:
        """Digest of the weights of a frozen network that its training depends on; empty where there is none."""
        return ""

    def remedy(self, trouble: Trouble) -> Mapping[str, float]:
        """The factors to continue with after a roll-back: half the learning rate."""
        return {**self.factors, "learning_rate": self.factors["learning_rate"] / 2}

    @property
    def course_numbers(self) -> dict[str, float]:
        """What a roll-back changed, for the curve and the log; names are those of `COURSE_NUMBERS`."""
        return {"learning_rate": self.learning_rate}

    def advice(self) -> str:
        """What to change in the settings when roll-backs did not help."""
        return f"Lower {self.settings.section}.learning_rate (now {self.settings.learning_rate:g})"

    # What all have in common

    @property
    def images(self) -> int:
        """Real images shown so far, over all ranks."""
        return self.step_number * self.settings.batch

    @property
    def learning_rate(self) -> float:
        return self.settings.learning_rate * self.factors["learning_rate"]

    @classmethod
    def code(cls) -> str:
        """Hash of the code that decides a training's weights and curve: the engine's, this objective's and its measures'."""
        return code_version("gandl.models.engine.training", cls.__module__, *filter(None, [cls.measured_by]))

    def set_course(self, course: int, factors: Mapping[str, float]) -> None:
        """Continue with other draws, and with settings changed by these factors (after a roll-back)."""
        self.course, self.factors = course, dict(factors)
        self._follow_course()

    def step(self) -> None:
        """One batch. What was measured in it waits for `drain`."""
        self._notes.begin(self.step_number)
        self._learn()
        self.step_number += 1

    def drain(self) -> list[StepNumbers]:
        """Numbers of all steps since the last call, means over parts and ranks; this waits for the device."""
        return self._notes.drain(self.ranks)

    def state(self) -> dict[str, Any]:
        """All that decides the future, as tensors and plain values; every draw follows from seed, course and step."""
        return {
            "step": self.step_number,
            "course": [self.course, self.factors],
            **self._state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state made by `state`, of whichever device."""
        self.step_number = state["step"]
        self._restore(state)
        self.set_course(*state["course"])
        self._notes = Notes()

    def not_finite(self) -> str | None:
        """Name of a weight that is not a finite number, if there is one: such a state must not become a checkpoint."""
        for network in self.trained:
            named = list(network.named_parameters())
            finite = torch.stack([torch.isfinite(weight).all() for _, weight in named]).tolist()
            if not all(finite):
                return f"{named[finite.index(False)][0]} of the {type(network).__name__.lower()}"
        return None

    def _described(self) -> dict[str, Any]:
        """What every trained model says of its training, as arguments of a `TrainedModel`."""
        return {
            "scale": self.scale,
            "settings": self.settings,
            "seed": self.seed,
            "pixel_size_um": self.pixel_size_um,
            "images_seen": self.images,
            "code_version": self.code(),
        }

    def _rng(self, purpose: Purpose) -> torch.Generator:
        return torch_rng(self.device, self.seed, self.course, self.step_number, purpose)

    def _autocast(self) -> AbstractContextManager[object]:
        return autocast(self.device, self.settings.engine.precision)


def spread(images: Tensor) -> Tensor:
    """How much images (n, c, y, x) differ: standard deviation over them, mean over channels and every fourth pixel."""
    return images.detach()[:, :, ::4, ::4].float().std(dim=0, correction=0).mean()


def descend(optimizer: torch.optim.Optimizer, ranks: Ranks) -> None:
    """One step of an optimiser, by the gradients of the whole batch: their mean over ranks."""
    parameters = optimizer.param_groups[0]["params"]
    ranks.average_([parameter.grad for parameter in parameters if parameter.grad is not None])
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
