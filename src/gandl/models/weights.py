"""Weights files: takes a trained model, makes a safetensors file that says in its metadata what it is; and reads it back.

Tensors are named `<network>.<parameter>` for the networks `generator_ema`, `discriminator_ema` and `discriminator_raw`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from gandl.config import ChosenWeights, Intensity, Pairs, TrainingSettings
from gandl.files import atomic
from gandl.models.discriminator import Discriminator
from gandl.models.generator import Generator
from gandl.models.intensity import IntensityScale

FORMAT = "gandl-weights-1"


class WeightsError(ValueError):
    """A weights file is missing, not ours, or damaged; the message says which and what would be right."""


@dataclass(frozen=True)
class TrainedModel:
    """Networks ready for use (evaluation mode, no gradients) and what they were trained on.

    Attributes
    ----------
    scale : maps stored pixels to what the networks see; its channels are those of the model, in order.
    resolution : stored resolution (px) of the training images.
    pixel_size_um : side of a pixel at that resolution; None where unknown.
    images_seen : real images shown in training; 0 for an untrained model.
    code_version : of the code that trained it; empty for an untrained model.
    chosen_by : why these weights of the training and no others: its last, or the best by a measure. Those of `best_probe` were
        chosen by labels.
    """

    generator_ema: Generator
    discriminator_ema: Discriminator
    discriminator_raw: Discriminator
    scale: IntensityScale
    settings: TrainingSettings
    seed: int
    pixel_size_um: float | None
    images_seen: int = 0
    code_version: str = ""
    chosen_by: ChosenWeights = ChosenWeights.LAST

    @property
    def channels(self) -> list[str]:
        return list(self.scale.channels)

    @property
    def resolution(self) -> int:
        return self.settings.resolution

    @property
    def networks(self) -> dict[str, nn.Module]:
        """Networks by the prefix of their tensors in the file."""
        return {
            "generator_ema": self.generator_ema,
            "discriminator_ema": self.discriminator_ema,
            "discriminator_raw": self.discriminator_raw,
        }


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Initial weights drawn inside the block come from `seed`; the global random generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def new_networks(settings: TrainingSettings, channels: int, seed: int) -> tuple[Generator, Discriminator]:
    """Untrained networks, in channels-last memory; the seed decides every weight."""
    with seeded(seed):
        generator = Generator(settings.network, channels)
        discriminator = Discriminator(settings.network, channels, contrast_dim(settings))
    last = torch.channels_last
    return generator.to(memory_format=last), discriminator.to(memory_format=last)  # type: ignore[call-overload]


def contrast_dim(settings: TrainingSettings) -> int:
    """Width of the discriminator's contrastive head; 0 where the task is off."""
    return 0 if settings.contrast.pairs is Pairs.NONE else settings.contrast.dim


def untrained(
    settings: TrainingSettings, scale: IntensityScale, seed: int, pixel_size_um: float | None = None
) -> TrainedModel:
    """The model that training with these settings and this seed starts from."""
    generator, discriminator = new_networks(settings, len(scale.channels), seed)
    for network in (generator, discriminator):
        network.eval().requires_grad_(False)
    return TrainedModel(generator, discriminator, discriminator, scale, settings, seed, pixel_size_um)


def save(model: TrainedModel, path: Path) -> None:
    """Write a model, atomically.

    Raises
    ------
    WeightsError : it cannot be written (a full disk).
    """
    tensors = {
        f"{prefix}.{name}": tensor.detach().cpu().contiguous()
        for prefix, network in model.networks.items()
        for name, tensor in network.state_dict().items()
    }
    if model.discriminator_raw is model.discriminator_ema:  # safetensors refuses two names for one memory
        tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    metadata = {
        "format": FORMAT,
        "settings": model.settings.model_dump_json(),
        "channels": json.dumps(model.channels),
        "intensity": json.dumps(asdict(model.scale)),
        "resolution": json.dumps(model.resolution),
        "pixel_size_um": json.dumps(model.pixel_size_um),
        "seed": json.dumps(model.seed),
        "images_seen": json.dumps(model.images_seen),
        "code_version": model.code_version,
        "chosen_by": model.chosen_by.value,
    }
    try:
        with atomic(Path(path)) as partial:
            save_file(tensors, partial, metadata)
            _sort_metadata(partial)
            partial.chmod(0o666 & ~_umask())  # safetensors lets nobody else read it
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path} cannot be written ({error}): make room there and start again") from error


def _umask() -> int:
    """What this process takes from the rights of new files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sort_metadata(path: Path) -> None:
    """Put a file's metadata in order: safetensors writes them in another each time, and the same model is to be the same bytes.

    A safetensors file starts with the length of its header, 8 bytes, and the header, JSON padded with spaces.
    """
    with path.open("r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode().ljust(size)
        if len(text) == size:  # else what is there stays: it is in no order, but right
            file.seek(8)
            file.write(text)


def load(path: Path) -> TrainedModel:
    """Read a model.

    Raises
    ------
    WeightsError : no such file, a pickle or anything else that is not a safetensors file of ours, one of
        another version, or tensors that do not fit.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"{path} does not exist: train the model first")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as error:
        kind = (
            "a pickle, which can run code when opened" if _looks_like_pickle(path) else f"damaged or foreign ({error})"
        )
        raise WeightsError(
            f"{path} is {kind}; weights must be a .safetensors file written by gandl's training"
        ) from None
    if metadata.get("format") != FORMAT:
        raise WeightsError(
            f"{path} is of format {metadata.get('format')!r}; this version reads {FORMAT!r}: train it again"
        )
    try:
        model = _described(metadata)
    except (KeyError, ValueError) as error:
        raise WeightsError(
            f"{path} is of another version of gandl ({_shortly(error)}): read it with that one, or train it again"
        ) from None
    for prefix, network in model.networks.items():
        mine = {name.removeprefix(f"{prefix}."): t for name, t in tensors.items() if name.startswith(f"{prefix}.")}
        try:
            network.load_state_dict(mine)
        except RuntimeError as error:
            raise WeightsError(
                f"{path}: the tensors of {prefix} do not fit the settings beside them ({error})"
            ) from None
        network.eval().requires_grad_(False)
    return model


def _described(metadata: Mapping[str, str]) -> TrainedModel:
    """The model that a file's metadata describe, with weights that are still to be read."""
    settings = TrainingSettings.model_validate_json(metadata["settings"])
    scale = json.loads(metadata["intensity"])
    kind, channels = Intensity(scale.pop("kind")), scale["channels"]
    seed = json.loads(metadata["seed"])
    generator, ema = new_networks(settings, len(channels), seed)
    _, raw = new_networks(settings, len(channels), seed)
    return TrainedModel(
        generator_ema=generator,
        discriminator_ema=ema,
        discriminator_raw=raw,
        scale=IntensityScale(kind=kind, **{name: tuple(values) for name, values in scale.items()}),
        settings=settings,
        seed=seed,
        pixel_size_um=json.loads(metadata["pixel_size_um"]),
        images_seen=json.loads(metadata["images_seen"]),
        code_version=metadata["code_version"],
        chosen_by=ChosenWeights(metadata.get("chosen_by", ChosenWeights.LAST)),  # files from before there was a choice
    )


def _shortly(error: KeyError | ValueError) -> str:
    """What is wrong with metadata, in one line."""
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}" for wrong in error.errors())
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _looks_like_pickle(path: Path) -> bool:
    """Pickle protocol 2 and later starts with 0x80; torch.save makes a zip of one."""
    with path.open("rb") as file:
        start = file.read(4)
    return start[:1] == b"\x80" or start == b"PK\x03\x04"
