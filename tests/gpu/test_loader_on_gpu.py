"""On a CUDA device the loader gives the batches that it gives on the CPU. Skipped where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gandl.config import Intensity
from gandl.models.crops.crop_sampler import CropSampler, open_stores
from gandl.models.crops.intensity import measure_scale
from gandl.models.crops.loader import Loader
from model_inputs import TRAINING, write_store

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
]


@pytest.mark.parametrize("kind", Intensity)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_batches_are_those_of_the_cpu(tmp_path: Path, kind: Intensity, dtype: str) -> None:
    """Also where the copying stream runs far ahead of the computing one, which is kept busy."""
    stores = open_stores([write_store(tmp_path, dtype=dtype)], 32, 16)
    sampler, scale = CropSampler(stores, 32, 16), measure_scale(stores, 32, kind)
    with (
        Loader(sampler, scale, TRAINING, 0) as here,
        Loader(sampler, scale, TRAINING, 0, device=torch.device("cuda")) as gpu,
    ):
        busy = torch.randn(4096, 4096, device="cuda")
        found = []
        for step in range(20):
            busy = busy @ busy / 64
            (batch,) = gpu.batch(step, 0)
            assert batch.is_contiguous(memory_format=torch.channels_last)
            found.append(batch.clone())
            del batch
        for step, batch in enumerate(found):
            torch.testing.assert_close(batch.cpu(), here.batch(step, 0)[0], rtol=1e-5, atol=1e-5)
