"""Embedding a store: one forward pass per site against fixed batches that are read ahead, and float32 against bfloat16.

Everything is measured in turn, several times over, on a synthetic store; what is timed begins with the store's files and ends
with the parquet table, but for `network alone`, whose pixels are in memory. `python -m benchmarks.speed.embedding` prints (on
the CPU: the network of the default settings; with `--device cuda`: that of `config/paper.yaml`); `--write` also appends to
`benchmarks/results/embedding.csv`. Nothing else should be running; medians of runs in turn bear some company.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the workflow embeds (`gandl/__init__.py`)

import numpy as np
import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.measuring import CORES, RESULTS, Measurement, append, machine, versions
from gandl.config import Dataset, EmbeddingsSettings, FeaturizerName, NetworkSettings, Precision, TrainingSettings
from gandl.embeddings.embed import embed_store
from gandl.embeddings.metadata import FeatureWriter
from gandl.embeddings.network import Look, NetworkFeaturizer
from gandl.images.pack import Decoded, StorePlan, pack_store
from gandl.images.store_reader import ImageStore
from gandl.models.compute.device import choose_device, peak_flops, prepare
from gandl.models.crops.intensity import IntensityScale
from gandl.models.networks.discriminator import Discriminator
from gandl.models.networks.gan import untrained
from gandl.models.networks.site_features import crop_corners
from gandl.tables import EMBEDDINGS

CHANNELS = ("dna", "er", "actin", "rna", "wga")
SCREEN, DISTINCT, OLD_SITES_PER_READ = Dataset.RXRX19A, 16, 8


@dataclass(frozen=True)
class Case:
    """A network, the images it sees, and how many of them."""

    name: str
    network: NetworkSettings
    image: int
    stride: int
    batch: int
    sites: int


SMALL = Case("64 px, base 2048, at most 64", NetworkSettings(crop=64, channel_max=64), 128, 64, 32, 192)
PAPER = Case("256 px, base 16384", NetworkSettings(crop=256, channel_base=16384, channel_max=512), 512, 256, 64, 2048)


@dataclass
class Embedding(Measurement):
    """Times (s) of embedding a store in one precision."""

    precision: Precision = Precision.FLOAT32


def write_store(folder: Path, case: Case) -> Path:
    """Pack synthetic sites: dim cells under photon noise."""
    rng = np.random.default_rng(0)
    coarse = rng.gamma(1.2, 12.0, (DISTINCT, len(CHANNELS), case.image // 16, case.image // 16))
    pixels = rng.poisson(np.kron(coarse, np.ones((16, 16)))).clip(0, 255).astype(np.uint8)
    names = tuple(f"B_{i:05d}" for i in range(case.sites))
    plan = StorePlan(
        store_id="B",
        site_ids=names,
        well_ids=names,
        channels=CHANNELS,
        dtype="uint8",
        height=case.image,
        width=case.image,
        resolutions=(case.image,),
        pixel_size_um=None,
        shard_sites=64,
        shard_mebibytes=320,
        compression_level=1,
        sources={},
    )
    store = folder / "B.zarr"
    reader = Decoded(lambda i: pixels[i % DISTINCT])
    pack_store(plan, reader, store, folder / "B.parquet", folder / "B.manifest.json", threads=CORES)
    return store


def featurizer_of(case: Case, precision: Precision) -> NetworkFeaturizer:
    """Every layer of an untrained network: what it computes is that of a trained one."""
    training = TrainingSettings(network=case.network, resolution=case.image)
    scale = IntensityScale(CHANNELS, (0.0,) * len(CHANNELS), (90.0,) * len(CHANNELS))
    settings = EmbeddingsSettings(
        stride=case.stride, batch=case.batch, precision=precision, resolutions={SCREEN: case.image}
    )
    return NetworkFeaturizer(FeaturizerName.GANDL_BLOCKS, Look(untrained(training, scale, 0), settings), settings)


@torch.inference_mode()
def one_by_one(
    store: Path, featurizer: NetworkFeaturizer, discriminator: Discriminator, device: torch.device, output: Path
) -> None:
    """The way of earlier versions: sites are read, scaled and described one after the other, each in passes of its own."""
    images, case = ImageStore(store), featurizer.settings
    prepare(device)
    corners = crop_corners(images.height, discriminator.crop, case.stride)
    rows = []
    for _, pixels in images.batches(OLD_SITES_PER_READ):
        for site in featurizer.scale.apply(pixels):
            here = site.to(device)
            size = discriminator.crop
            crops = torch.stack([here[:, top : top + size, left : left + size] for top in corners for left in corners])
            crops = crops.contiguous(memory_format=torch.channels_last)
            rows.append(torch.cat([_pooled(discriminator, part) for part in crops.split(case.batch)]).mean(dim=0).cpu())
    table = torch.stack(rows).numpy()
    frame = pd.DataFrame(table, columns=[f"feature_{i}" for i in range(table.shape[1])])
    frame.insert(0, "site_id", images.site_ids)
    with FeatureWriter(output, EMBEDDINGS, {"feature_names": json.dumps(list(featurizer.feature_names))}) as writer:
        writer.write(frame)


def _pooled(discriminator: Discriminator, crops: torch.Tensor) -> torch.Tensor:
    pooled = []
    for block in discriminator.describe(crops).blocks:
        mean = block.mean(dim=(2, 3))
        pooled += [mean, (block - mean[:, :, None, None]).square().mean(dim=(2, 3)).sqrt()]
    return torch.cat(pooled, dim=1)


def ways_of(case: Case, store: Path, folder: Path, device: torch.device) -> list[tuple[Embedding, Callable[[], None]]]:
    """What is measured; all precisions of the device."""
    old = Embedding("one pass per site, nothing ahead")
    exact = featurizer_of(case, Precision.FLOAT32)
    discriminator = exact.look.on(device).discriminator
    ways = [(old, lambda: one_by_one(store, exact, discriminator, device, folder / "old.parquet"))]
    precisions = list(Precision) if device.type == "cuda" else [Precision.FLOAT32, Precision.BFLOAT16]
    for precision in precisions:
        featurizer = featurizer_of(case, precision)
        ways.append(
            (
                Embedding("fixed batches, read ahead", old.what, precision=precision),
                _embedder(featurizer, store, folder, device),
            )
        )
        ways.append((Embedding("network alone", precision=precision), _looker(featurizer, store, device)))
    return ways


def _embedder(featurizer: NetworkFeaturizer, store: Path, folder: Path, device: torch.device) -> Callable[[], None]:
    readers = min(8, CORES) if device.type == "cuda" else 1
    output = folder / f"{featurizer.settings.precision}.parquet"
    return lambda: embed_store(
        store, [featurizer], [output], featurizer.settings, SCREEN, device=str(device), readers=readers
    )


def _looker(featurizer: NetworkFeaturizer, store: Path, device: torch.device) -> Callable[[], None]:
    images, there = ImageStore(store), featurizer.on(str(device))
    size = featurizer.sites_at_once(images.height, images.width, len(images))
    pixels = there.stage(images.sites(np.arange(size) % len(images)))

    def look() -> None:
        for start in range(0, len(images), size):
            there.look(pixels[: min(size, len(images) - start)])

    return look


def flops_per_site(case: Case) -> float:
    """Multiplications and additions of the network for one site, twice as many as it multiplies."""
    discriminator = Discriminator(case.network, len(CHANNELS)).eval()
    side = case.network.crop
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        discriminator.describe(torch.zeros(1, len(CHANNELS), side, side))
    return counter.get_total_flops() * len(crop_corners(case.image, side, case.stride)) ** 2


def rows_of(case: Case, found: list[Embedding], device: torch.device) -> list[dict[str, object]]:
    """One row per measurement."""
    medians = {(m.what, m.precision): m.median for m in found}
    flops = flops_per_site(case)
    peak = {precision: peak_flops(device, precision) for precision in {m.precision for m in found}}
    place = torch.cuda.get_device_name(device) if device.type == "cuda" else machine()
    return [
        {
            "date": datetime.date.today().isoformat(),
            "machine": place,
            "versions": versions("torch"),
            "network": case.name,
            "image_px": case.image,
            "crops_per_site": len(crop_corners(case.image, case.network.crop, case.stride)) ** 2,
            "batch": case.batch,
            "what": m.what,
            "precision": m.precision.value,
            "runs": len(m.seconds),
            "sites_per_second": round(case.sites / m.median, 1),
            "against": m.against,
            "times_as_fast": round(medians[m.against, Precision.FLOAT32] / m.median, 2) if m.against else "",
            "share_of_peak": round(flops * case.sites / m.median / peak[m.precision], 3),
        }
        for m in found
    ]


def main() -> None:
    """Measure, print, and write if requested."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="append to results/embedding.csv")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sites", type=int, help="by default 192 on the CPU, 2048 on a GPU")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    options = parser.parse_args()
    device = choose_device(int(options.device == "cuda"))
    case = PAPER if device.type == "cuda" else SMALL
    case = replace(case, sites=options.sites or case.sites)
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        ways = ways_of(case, write_store(Path(place), case), Path(place), device)
        for run in range(-1, options.runs):  # the first one warms up
            for measurement, embed in ways:
                started = time.perf_counter()
                embed()
                if run >= 0:
                    measurement.seconds.append(time.perf_counter() - started)
    rows = rows_of(case, [measurement for measurement, _ in ways], device)
    for row in rows:
        ratio = f"{row['times_as_fast']} times as fast as {row['against']}" if row["against"] else ""
        share = f"{row['share_of_peak']:.1%} of the peak" if isinstance(row["share_of_peak"], float) else ""
        print(f"{row['what']:34}{row['precision']:10}{row['sites_per_second']:>9} sites/s   {share:>20}   {ratio}")
    if options.write:
        append(rows, RESULTS / "embedding.csv")


if __name__ == "__main__":
    main()
