"""Fixtures of all tests: where the real data lie, and a small store cut from them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data beside the project; tests that need it are skipped where it is absent."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data (../shared/data) are not beside this clone")
    return folder


@pytest.fixture(scope="session")
def bbbc013_zip(shared_data: Path) -> Path:
    return shared_data / "mirror/data.broadinstitute.org/bbbc/BBBC013/BBBC013_v1_images_bmp.zip"


@pytest.fixture(autouse=True)
def _subnormal_numbers_come_back() -> Iterator[None]:
    """Networks flush subnormal numbers to zero for speed, a state of the whole process; the next test starts without it."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture(scope="session")
def toy_pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration of the simulated pair at toy size: 64-px images, 32-px crops, four plates."""
    values = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text(encoding="utf-8"))
    values["source"]["simulation"] |= {
        "image_px": 128,
        "hrce_plates": 1,
        "vero_plates": 1,
        "compounds": 3,
        "sites": 2,
        "rxrx1_experiments": 2,
        "rxrx1_sirnas": 3,
    }
    values["source"]["rxrx19a"]["image_px"], values["source"]["rxrx1"]["image_px"] = 128, 64
    values["images"]["resolutions"] = {"rxrx19a": [64], "rxrx1": [64]}
    values["embeddings"] |= {"resolutions": {"rxrx19a": 64, "rxrx1": 64}, "stride": 32}
    values["training"] |= {"resolution": 64, "images": 96, "quality_crops": 16, "probe_stride": 32}
    values["training"]["network"] |= {"crop": 32, "channel_base": 256, "channel_max": 16}
    values["training"]["engine"] |= {"precision": "float32"}
    path = tmp_path_factory.mktemp("toy") / "toy.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return path
