"""Labels: found in stores by site, drawn by class, refused in a sentence; and the sites of a batch are those of its crops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from gandl.config import Intensity, TrainingSettings
from gandl.models.compute.ranks import Ranks
from gandl.models.crops.crop_sampler import CropError, CropSampler, open_stores
from gandl.models.crops.intensity import IntensityScale
from gandl.models.crops.loader import Loader
from gandl.models.crops.supervision import UNLABELLED, Supervision, SupervisionError
from gandl.models.engine.training import train
from gandl.models.engine.worker import TrainingJob
from gandl.tables import LABELS, write_table
from model_inputs import AUTOENCODER, TRAINING, write_store


def labels(parts: dict[str, tuple[str, str]], plate: bool = False) -> pd.DataFrame:
    rows = [(site, label, part) for site, (label, part) in parts.items()]
    table = pd.DataFrame(rows, columns=LABELS.names)
    return table.assign(plate_id=table["site_id"].str[:3]) if plate else table


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two stores of six sites, each site one grey level in both channels: 10 times its number, and one more."""
    folder = tmp_path_factory.mktemp("stores")
    made = []
    for number, name in enumerate(("A_1", "B_1")):
        level = 10 * (np.arange(6, dtype=np.uint8) + 6 * number)
        pixels = np.stack([level, level + 1], axis=1)[:, :, None, None].repeat(32, axis=2).repeat(32, axis=3)
        made.append(write_store(folder, name=name, pixels=pixels))
    return made


@pytest.fixture
def site_ids(stores: list[Path]) -> list[str]:
    return [site for store in open_stores(stores, 32, 16) for site in store.site_ids]


def some(site_ids: list[str]) -> dict[str, tuple[str, str]]:
    """Sites 0 to 6 are of b, but site 3 of a, site 9 of c, which nothing is trained on; 5, 6 and 9 validate."""
    return {
        site_ids[i]: ({3: "a", 9: "c"}.get(i, "b"), "validation" if i in (5, 6, 9) else "train")
        for i in (9, 6, 5, 4, 3, 2, 1, 0)
    }


def test_labels_are_those_of_the_sites_wherever_they_are(stores: list[Path], site_ids: list[str]) -> None:
    found = Supervision(labels(some(site_ids), plate=True)).of(open_stores(stores, 32, 16))
    assert found.classes == ("a", "b")
    assert found.of_site.tolist() == [1, 1, 1, 0, 1, 1, 1] + [UNLABELLED] * 5
    assert found.training.tolist() == [0, 1, 2, 3, 4]
    assert found.validation.tolist() == [5, 6], "what is not trained on validates nothing"
    assert found.plates[0] == found.plates[5] != found.plates[6]
    assert found.plates[7] == UNLABELLED


def test_its_content_is_its_labels_in_any_order(site_ids: list[str]) -> None:
    one = labels(some(site_ids))
    other = one.copy()
    other.loc[0, "label"] = "a"
    assert Supervision(one).content == Supervision(one.iloc[::-1]).content != Supervision(other).content


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.assign(label="b"), "1 label to train on .only b.: telling classes apart needs two"),
        (lambda table: table.assign(part="validation"), "0 labels to train on"),
        (lambda table: table.assign(part="test"), "test"),
        (lambda table: pd.concat([table, table[:1]]), "repeats site_id"),
        (lambda table: table.drop(columns="label"), "lacks the column label"),
    ],
)
def test_labels_that_cannot_be_trained_on_are_refused(site_ids: list[str], change, message: str) -> None:
    with pytest.raises(SupervisionError, match=message):
        Supervision(change(labels(some(site_ids))), "labels.parquet")


def test_sites_that_are_in_no_store_are_named(stores: list[Path], site_ids: list[str]) -> None:
    given = labels({**some(site_ids), "nowhere_1": ("a", "train"), "nowhere_2": ("a", "train")})
    with pytest.raises(SupervisionError, match=r"labels 2 sites that are in no image store .* the first is nowhere_1"):
        Supervision(given).of(open_stores(stores, 32, 16))


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.parquet").write_text("no table")
    for name in ("labels.parquet", "absent.parquet"):
        with pytest.raises(SupervisionError, match=f"{name} cannot be read as a table of labels"):
            Supervision.read(tmp_path / name)


@pytest.fixture
def sampler(stores: list[Path]) -> CropSampler:
    return CropSampler(open_stores(stores, 32, 16), 32, 16)


def loader(sampler: CropSampler, settings: TrainingSettings, ranks: Ranks) -> Loader:
    scale = IntensityScale(("gfp", "dna"), (0.0, 0.0), (255.0, 255.0), Intensity.STORE)
    return Loader(sampler, scale, settings, 3, ranks=ranks)


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("pairs", ["none", "well"])
def test_the_sites_of_a_batch_are_those_of_its_crops(sampler: CropSampler, rank: int, pairs: str) -> None:
    settings = TRAINING.changed(batch=16, contrast={"pairs": pairs})
    settings = settings.model_copy(update={"engine": settings.engine.model_copy(update={"microbatch": 4})})
    with loader(sampler, settings, Ranks(rank, 2)) as crops:
        for step, course in ((0, 0), (1, 0), (7, 2)):
            sites = crops.sites(step, course)
            parts = crops.batch(step, course)
            assert [len(part) for part in sites] == [len(part) for part in parts] == [4, 4]
            for part, of_part in zip(parts, sites, strict=True):
                level = ((part[:, 0, 0, 0] + 1) / 2 * 255).round().long()
                assert level.tolist() == (10 * of_part).tolist()


def test_asking_for_the_sites_reads_nothing_and_drops_nothing(sampler: CropSampler) -> None:
    with loader(sampler, TRAINING, Ranks()) as asked, loader(sampler, TRAINING, Ranks()) as plain:
        for step in range(3):
            asked.sites(5, 1)
            assert torch.equal(asked.batch(step, 0)[0], plain.batch(step, 0)[0])


def test_classes_are_drawn_equally_often_and_only_sites_that_may_be(stores: list[Path], site_ids: list[str]) -> None:
    found = Supervision(labels(some(site_ids))).of(open_stores(stores, 32, 16))
    balanced = CropSampler(open_stores(stores, 32, 16), 32, 16, found.training, found.of_site)
    drawn = balanced.positions_of(balanced.draw(8000, np.random.default_rng(0)))
    counts = np.bincount(drawn, minlength=12) / 8000
    assert counts[3] == pytest.approx(1 / 2, abs=0.02), "the one site of class a"
    assert counts[[0, 1, 2, 4]] == pytest.approx(1 / 8, abs=0.02)
    assert counts[5:].sum() == 0


def test_channels_are_taken_by_name_and_in_their_order(stores: list[Path]) -> None:
    (whole, _), (dna, _) = open_stores(stores, 32, 16), open_stores(stores, 32, 16, channels=["dna"])
    assert dna.channels == ["dna"]
    assert np.array_equal(dna.sites([4, 2]), whole.sites([4, 2])[:, [1]])
    assert np.array_equal(dna.crop(3, 5, 6, 8), whole.crop(3, 5, 6, 8)[[1]])
    turned = whole.only(["dna", "gfp"])
    assert np.array_equal(turned.only(["gfp"]).sites([1]), whole.sites([1])[:, [0]])
    with pytest.raises(CropError, match=r"takes the channels dna, rfp: .* holds the channels gfp, dna, but not rfp"):
        open_stores(stores, 32, 16, channels=["dna", "rfp"])


@pytest.fixture
def arguments(tmp_path: Path) -> list:
    names = ("weights.safetensors", "curve.parquet", "samples.png", "checkpoints")
    return [1, *(tmp_path / name for name in names)]


def test_an_objective_without_labels_takes_none(stores: list[Path], site_ids: list[str], arguments: list) -> None:
    with pytest.raises(SupervisionError, match="the objective gan uses no labels: leave here out"):
        train(stores, TRAINING, *arguments, supervision=Supervision(labels(some(site_ids)), "here"))


def test_a_job_in_a_file_keeps_the_settings_of_its_objective(
    stores: list[Path], site_ids: list[str], tmp_path: Path
) -> None:
    write_table(labels(some(site_ids)), tmp_path / "labels.parquet", LABELS)
    for objective, settings in (("gan", TRAINING), ("autoencoder", AUTOENCODER)):
        job = TrainingJob(
            stores=tuple(stores),
            settings=settings,
            seed=1,
            weights=tmp_path / "w",
            curve=tmp_path / "c",
            samples=tmp_path / "s",
            checkpoints=tmp_path / "k",
            objective=objective,
            labels=tmp_path / "labels.parquet",
            channels=("dna",),
        )
        read = TrainingJob.model_validate_json(job.model_dump_json())
        assert read == job
        assert type(read.settings) is type(settings)
