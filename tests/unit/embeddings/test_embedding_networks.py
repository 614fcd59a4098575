"""Networks that embed: moved to a device and distinguished, and what does not fit them, reported in a sentence that says what
would."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from embedding_inputs import (
    SCREEN,
    SETTINGS,
    TRAINING,
    build,
    build_several,
    draw_sites,
    pixels_for,
    write_inputs,
    write_store,
)
from gandl.config import FeaturizerName, Intensity, Weights
from gandl.embeddings.embed import embed_store
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.network import Look, NetworkFeaturizer
from gandl.models.compute.device import DeviceError
from gandl.models.crops.intensity import IntensityScale
from gandl.models.networks.discriminator import Description, Discriminator
from gandl.models.networks.gan import untrained

GANDL, BLOCKS = FeaturizerName.GANDL, FeaturizerName.GANDL_BLOCKS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store `S_1.zarr` of three sites and `weights.safetensors`."""
    return write_inputs(tmp_path_factory.mktemp("networks"), 3)


def network_of(folder: Path, **changes: object) -> NetworkFeaturizer:
    featurizer = build(GANDL, folder, SETTINGS.model_copy(update=changes))
    assert isinstance(featurizer, NetworkFeaturizer)
    return featurizer


@pytest.mark.parametrize(("dtype", "factor", "high"), [(np.uint8, 1, 4000.0), (np.uint16, 257, 200.0)])
def test_images_of_another_bit_depth_than_the_network_was_trained_on_are_refused(
    tmp_path: Path, dtype: type, factor: int, high: float
) -> None:
    """It would see black images, or white ones, and say nothing. Images scaled by themselves may have any."""
    store = write_store(tmp_path, draw_sites(3).astype(dtype) * dtype(factor))
    scale = IntensityScale(("gfp", "dna"), (5.0, 10.0), (high, high))
    outputs = [tmp_path / "out.parquet"]

    def featurizer(scale: IntensityScale) -> NetworkFeaturizer:
        return NetworkFeaturizer(GANDL, Look(untrained(TRAINING, scale, 0), SETTINGS), SETTINGS)

    with pytest.raises(
        EmbeddingError, match=rf"S_1\.zarr holds {8 * np.dtype(dtype).itemsize}-bit images.* {high:g}, which"
    ):
        embed_store(store, [featurizer(scale)], outputs, SETTINGS, SCREEN)
    assert not outputs[0].exists()
    by_site = IntensityScale(("gfp", "dna"), (-1.0, -1.0), (3.0, 3.0), Intensity.SITE, (9.0, 9.0), (1.0, 1.0))
    embed_store(store, [featurizer(by_site)], outputs, SETTINGS, SCREEN)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused_before_anything_is_read(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"set compute\.gpus to 0 to compute on the CPU"):
        embed_store(
            folder / "S_1.zarr", [build(GANDL, folder)], [tmp_path / "x.parquet"], SETTINGS, SCREEN, device="cuda"
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("room", "sentence"), [(40, "set embeddings.batch to 32 (now 100)"), (3, "neither do 16")])
def test_a_gpu_that_is_too_small_says_which_batch_would_fit(
    folder: Path, room: int, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A discriminator that runs out of memory beyond so many crops; what is named was tried."""
    featurizer = network_of(folder, batch=100)
    describe = Discriminator.describe

    def limited(self: Discriminator, crops: torch.Tensor) -> Description:
        if len(crops) > room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return describe(self, crops)

    monkeypatch.setattr(Discriminator, "describe", limited)
    with pytest.raises(EmbeddingError, match=re.escape(sentence)):
        featurizer.embed(pixels_for(featurizer, folder))


def test_featurizers_moved_to_a_device_go_on_sharing_a_look(folder: Path) -> None:
    one, other = build_several([GANDL, BLOCKS], folder)
    assert isinstance(one, NetworkFeaturizer)
    assert isinstance(other, NetworkFeaturizer)
    there = torch.device("meta")
    assert one.look.on(there) is other.look.on(there)
    assert one.look.on(torch.device("cpu")) is one.look
    assert next(one.look.on(there).discriminator.parameters()).device == there
    assert next(one.look.discriminator.parameters()).device == torch.device("cpu")  # the model's own stays


def test_what_decides_vectors_is_in_a_networks_digest(folder: Path) -> None:
    """Weights, choice of discriminator and scale; the same model read twice has the same."""
    look = network_of(folder).look
    scale = dataclasses.replace(look.model.scale, high=(180.0, 201.0))
    digests = [
        look.content,
        network_of(folder, weights=Weights.RAW).content,
        Look(dataclasses.replace(look.model, scale=scale), SETTINGS).content,
    ]
    assert len(set(digests)) == 3
    assert network_of(folder).content == digests[0]
