"""On a CUDA device sites get the vectors that they get on the CPU, wherever they lie. Skipped where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from embedding_inputs import SCALE, SCREEN, SETTINGS, TRAINING, build_several, draw_sites, write_store, write_weights
from gandl.config import FeaturizerName, Intensity, NetworkSettings, Precision
from gandl.embeddings.embed import embed_store
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.network import NetworkFeaturizer
from gandl.models.crops.intensity import IntensityScale
from gandl.models.networks.discriminator import Discriminator
from gandl.models.networks.gan import untrained
from gandl.models.networks.site_features import SiteFeatures, site_features
from gandl.tables import EMBEDDINGS, read_table

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
]
NAMES = [FeaturizerName.GANDL, FeaturizerName.GANDL_BLOCKS]
CROP, STRIDE, BATCH = 16, 8, 32


def network(settings: NetworkSettings = TRAINING.network) -> Discriminator:
    training = TRAINING.model_copy(update={"network": settings})
    discriminator = untrained(training, SCALE, 0).discriminator_ema
    discriminator.deviation.mean.fill_(0.4)
    return discriminator


def table(features: SiteFeatures) -> np.ndarray:
    return np.concatenate([features.pre, features.post, features.blocks], axis=1)


def relative(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Root mean square difference of each feature, in deviations of that feature over the sites."""
    spread = expected.std(axis=0)
    return np.sqrt(((found - expected) ** 2).mean(axis=0))[spread > 1e-6] / spread[spread > 1e-6]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("kind", Intensity)
def test_float32_agrees_with_the_cpu(dtype: type, kind: Intensity) -> None:
    images = draw_sites(12).astype(dtype)
    scale = SCALE
    if kind is Intensity.SITE:
        scale = IntensityScale(SCALE.channels, (-2.0, -2.0), (4.0, 4.0), kind, (30.0, 30.0), (20.0, 20.0))
    here, there = (table(site_features(d, scale, images, CROP, STRIDE, BATCH)) for d in (network(), network().cuda()))
    np.testing.assert_allclose(there, here, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("precision", "usual", "worst"), [(Precision.TF32, 0.01, 0.1), (Precision.BFLOAT16, 0.05, 0.5)]
)
def test_lower_precisions_agree_within_what_is_stated(precision: Precision, usual: float, worst: float) -> None:
    """In deviations of a feature over the sites: the median feature, and any."""
    images = draw_sites(24)
    here = table(site_features(network(), SCALE, images, CROP, STRIDE, BATCH))
    there = table(site_features(network().cuda(), SCALE, images, CROP, STRIDE, BATCH, precision))
    moved = relative(there, here)
    assert np.median(moved) < usual
    assert moved.max() < worst


@pytest.mark.parametrize("precision", Precision)
@pytest.mark.parametrize("crop", [16, 64])
def test_a_site_has_the_same_vector_bit_for_bit_wherever_it_lies(precision: Precision, crop: int) -> None:
    """Alone, in company, first, last; of a network with maps enough for tensor cores, too."""
    settings = NetworkSettings(crop=crop, channel_base=128 if crop == 16 else 8192, channel_max=128, mapping_layers=1)
    discriminator = network(settings).cuda()
    images = draw_sites(9, size=96)

    def vectors(order: list[int]) -> np.ndarray:
        return table(site_features(discriminator, SCALE, images[order], crop, crop // 2, BATCH, precision))

    together = vectors(list(range(9)))
    for order in ([8, 3, 0], [4], [1, 1, 2, 5, 7], list(range(8, -1, -1))):
        np.testing.assert_array_equal(vectors(order), together[order])


def test_a_training_finds_its_own_switches_again() -> None:
    torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32 = True, True
    try:
        site_features(network().cuda(), SCALE, draw_sites(1), CROP, STRIDE, BATCH)
        assert torch.backends.cudnn.benchmark
        assert torch.backends.cudnn.allow_tf32
    finally:
        torch.backends.cudnn.benchmark = False


def test_a_store_is_embedded_as_on_the_cpu_and_as_by_the_featurizer(tmp_path: Path) -> None:
    """Read ahead by several threads into pinned memory; a few sites at a time or many."""
    write_store(tmp_path, draw_sites(19))
    write_weights(tmp_path / "weights.safetensors")
    featurizers = build_several(NAMES, tmp_path)

    def embed(device: str, sites_per_read: int | None = None) -> list[np.ndarray]:
        outputs = [tmp_path / device / str(sites_per_read) / f"{name}.parquet" for name in NAMES]
        embed_store(
            tmp_path / "S_1.zarr",
            featurizers,
            outputs,
            SETTINGS,
            SCREEN,
            device=device,
            readers=3,
            sites_per_read=sites_per_read,
        )
        return [read_table(path, EMBEDDINGS).iloc[:, 1:].to_numpy() for path in outputs]

    for here, there, few in zip(embed("cpu"), embed("cuda"), embed("cuda", 2), strict=True):
        np.testing.assert_allclose(there, here, rtol=1e-3, atol=1e-4)
        np.testing.assert_array_equal(few, there)


def test_a_batch_too_large_for_the_gpu_names_one_that_fits(tmp_path: Path) -> None:
    """What is named was tried, and it works, with 1 GiB to spend."""
    write_store(tmp_path, draw_sites(2))
    write_weights(tmp_path / "weights.safetensors")
    site = draw_sites(1, size=24)

    def featurizer(batch: int) -> NetworkFeaturizer:
        (built,) = build_several(NAMES[:1], tmp_path, SETTINGS.model_copy(update={"batch": batch}))
        assert isinstance(built, NetworkFeaturizer)
        return built.on("cuda")

    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(2**30 / torch.cuda.get_device_properties(0).total_memory)
    try:
        with pytest.raises(EmbeddingError, match=r"set embeddings\.batch to \d+ \(now 262144\)") as error:
            featurizer(2**18).embed(site)
        fits = int(str(error.value).split("embeddings.batch to ")[1].split()[0])
        assert np.isfinite(featurizer(fits).embed(site)).all()
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
