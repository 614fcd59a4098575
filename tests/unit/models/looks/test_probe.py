"""The probe: Z' on held-out controls, from the wells of its scheme alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from gandl.config import Intensity, TrainingSettings
from gandl.images.store_reader import ImageStore
from gandl.models.crops.intensity import measure_scale
from gandl.models.engine.training import train
from gandl.models.looks.probe import ProbeError, build_probe, probe_id
from gandl.models.networks.gan import TrainedGan, untrained
from gandl.source.splits import write_splits
from gandl.tables import CURVE, SITES, SPLITS, read_table, write_table
from model_inputs import TRAINING, write_store
from table_rows import site_row

ROWS = "ABCD"
CONTROLS = ["positive", "negative", "negative", "none", "none", "none"]
C_GRID = [0.01, 0.1]
SETTINGS: TrainingSettings = TRAINING.model_copy(
    update={"probe_stride": 16, "intensity": Intensity.STORE}  # the effect of these tests is brightness
)


def split(sites: Path, splits: Path, development_rows: list[str]) -> None:
    write_splits(sites, splits, development_rows=development_rows, test_share=0.25, seed=0, questions=["controls"])


def site(experiment: str, plate: int, i: int, control: str, well: str) -> dict[str, object]:
    """Row i of a plate's sites table; the store of the plate holds it as its site i."""
    name = f"{experiment}_{plate}_{i}"
    names = {"site_id": name, "well_id": name, "cell_type": "U2OS", "condition": "treated", "control": control}
    return site_row(experiment, plate, well, **names)


def screen(folder: Path, effect: float, *, dropped: int = 0) -> tuple[Path, Path, Path]:
    """A plate of four rows, of which two may be looked at; positive controls are brighter by `effect` grey levels."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame([site("S", 1, i, CONTROLS[i % 6], f"{ROWS[i // 6]}{i % 6 + 1:02d}") for i in range(24)])
    pixels = rng.normal(100, 10, (24, 2, 32, 32))
    pixels += effect * (table["control"] == "positive").to_numpy()[:, None, None, None]
    store = write_store(folder, pixels=pixels.clip(0, 255).astype(np.uint8)[: 24 - dropped])
    write_table(table, folder / "sites.parquet", SITES)
    split(folder / "sites.parquet", folder / "splits.parquet", ["A", "B"])
    return store, folder / "sites.parquet", folder / "splits.parquet"


def model(store: Path) -> TrainedGan:
    return untrained(SETTINGS, measure_scale([ImageStore(store)], 32, SETTINGS.intensity), 0)


def score(store: Path, sites: Path, splits: Path) -> float:
    trained = model(store)
    return build_probe([store], sites, splits, SETTINGS, C_GRID)(trained.discriminator_ema, trained.scale)


def test_a_clear_effect_scores_high_and_none_scores_low(tmp_path: Path) -> None:
    (tmp_path / "clear").mkdir()
    (tmp_path / "none").mkdir()
    assert score(*screen(tmp_path / "clear", 60.0)) > 0.5
    assert score(*screen(tmp_path / "none", 0.0)) < 0


def test_it_looks_at_the_wells_of_its_scheme_alone(tmp_path: Path) -> None:
    """Rows C and D are in no part of the probe: the store need not even hold them all."""
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    whole, cut = screen(tmp_path / "whole", 60.0), screen(tmp_path / "cut", 60.0, dropped=6)
    scale = model(whole[0])
    scores = [
        build_probe([store], sites, splits, SETTINGS, C_GRID)(scale.discriminator_ema, scale.scale)
        for store, sites, splits in (whole, cut)
    ]
    assert scores[0] == scores[1]


def test_it_leaves_the_discriminator_and_the_random_generators_alone(tmp_path: Path) -> None:
    store, sites, splits = screen(tmp_path, 60.0)
    trained = model(store)
    before = {name: value.clone() for name, value in trained.discriminator_ema.state_dict().items()}
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    build_probe([store], sites, splits, SETTINGS, C_GRID)(trained.discriminator_ema, trained.scale)
    assert all(torch.equal(before[name], value) for name, value in trained.discriminator_ema.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert torch.is_grad_enabled()


def test_a_site_that_no_store_holds_is_named(tmp_path: Path) -> None:
    store, sites, splits = screen(tmp_path, 60.0, dropped=14)
    with pytest.raises(ProbeError, match=r"2 sites of the probe, the first is S_1_10, are in no store of .*S_1\.zarr"):
        build_probe([store], sites, splits, SETTINGS, C_GRID)


def test_splits_without_its_scheme_are_refused(tmp_path: Path) -> None:
    store, sites, splits = screen(tmp_path, 60.0)
    parts = pd.read_parquet(splits)
    parts[parts["scheme"] != "probe"].to_parquet(splits)
    with pytest.raises(ProbeError, match=r"has no scheme 'probe'"):
        build_probe([store], sites, splits, SETTINGS, C_GRID)


def test_a_collapsed_discriminator_has_no_score_and_stops_nothing(tmp_path: Path) -> None:
    store, sites, splits = screen(tmp_path, 60.0)
    model = untrained(SETTINGS, measure_scale([ImageStore(store)], 32, SETTINGS.intensity), 0)
    for weight in model.discriminator_ema.parameters():
        weight.data.zero_()
    assert np.isnan(build_probe([store], sites, splits, SETTINGS, C_GRID)(model.discriminator_ema, model.scale))


def test_too_few_wells_that_are_no_controls_are_refused_at_the_door(tmp_path: Path) -> None:
    store, sites, splits = screen(tmp_path, 60.0)
    table = read_table(sites, SITES)
    treated = table.index[(table["control"] == "none") & table["row"].isin(["A", "B"])]
    write_table(table.assign(control=table["control"].where(~table.index.isin(treated[2:]), "negative")), sites, SITES)
    with pytest.raises(ProbeError, match=r"plate S_1 has 2 reference wells for the probe; at least 3 are needed"):
        build_probe([store], sites, splits, SETTINGS, C_GRID)


def test_a_shuffled_table_changes_neither_score_nor_id(tmp_path: Path) -> None:
    store, sites, splits = screen(tmp_path, 20.0)
    before, named = score(store, sites, splits), probe_id(sites, splits)
    rng = np.random.default_rng(0)
    for path, schema in ((sites, SITES), (splits, SPLITS)):
        table = read_table(path, schema)
        write_table(table.iloc[rng.permutation(len(table))].reset_index(drop=True), path, schema)
    assert score(store, sites, splits) == before
    assert probe_id(sites, splits) == named


def test_the_id_follows_what_the_probe_reads_and_nothing_else(tmp_path: Path) -> None:
    _, sites, splits = screen(tmp_path, 20.0)
    named, table = probe_id(sites, splits), read_table(sites, SITES)
    write_table(table.assign(cell_type="HeLa"), sites, SITES)
    assert probe_id(sites, splits) == named
    rows = table["row"].isin(["C", "D"])
    write_table(table.assign(control=table["control"].where(~rows, "none")), sites, SITES)
    assert probe_id(sites, splits) == named
    write_table(table.assign(control=table["control"].where(rows, "none")), sites, SITES)
    assert probe_id(sites, splits) != named


def test_changed_splits_change_the_probe_of_a_finished_training(tmp_path: Path) -> None:
    """The last checkpoint holds the old splits' values: it must not be taken over."""
    store, sites, splits = screen(tmp_path, 20.0)
    settings = SETTINGS.model_copy(update={"images": 16, "looks": 1})

    def looked_at() -> list[float]:
        outputs = (tmp_path / name for name in ("weights.safetensors", "curve.parquet", "samples.png", "checkpoints"))
        probe = build_probe([store], sites, splits, settings)
        train([store], settings, 0, *outputs, probe, probe_id(sites, splits))
        curve = read_table(tmp_path / "curve.parquet", CURVE)
        return curve.loc[curve["metric"] == "probe_z_prime", "value"].tolist()

    before = looked_at()
    assert looked_at() == before
    split(sites, splits, ["A", "B", "C"])
    assert looked_at() != before


def plates(folder: Path, effect: float, treated: int = 6) -> tuple[list[Path], Path, Path]:
    """Three plates of an experiment in three stores, 8 controls and so many other wells each; a plate of another experiment."""
    folder.mkdir()
    kinds = ["positive"] * 4 + ["negative"] * 4 + ["none"] * treated
    table = pd.DataFrame(
        [
            site(experiment, plate, i, kind, f"{'ABCDEFGH'[i % 8]}{i // 8 + 1:02d}")
            for experiment, plate in (("E-1", 1), ("E-1", 2), ("E-1", 3), ("E-2", 1))
            for i, kind in enumerate(kinds)
        ]
    )
    rng, stores = np.random.default_rng(0), []
    for brightness, (name, sites) in enumerate(table.groupby("plate_id")):
        pixels = rng.normal(100 + 2 * brightness, 10, (len(sites), 2, 32, 32))
        pixels += effect * (sites["control"] == "positive").to_numpy()[:, None, None, None]
        stores.append(write_store(folder, name=str(name), pixels=pixels.clip(0, 255).astype(np.uint8)))
    write_table(table, folder / "sites.parquet", SITES)
    split(folder / "sites.parquet", folder / "splits.parquet", [])
    return stores, folder / "sites.parquet", folder / "splits.parquet"


def score_plates(stores: list[Path], sites: Path, splits: Path) -> float:
    trained = model(stores[0])
    return build_probe(stores, sites, splits, SETTINGS, C_GRID)(trained.discriminator_ema, trained.scale)


def test_of_several_plates_each_is_scored_by_the_others_of_the_first_experiment(tmp_path: Path) -> None:
    """Plates differ in brightness; the store of the other experiment need not even be there."""
    stores, sites, splits = plates(tmp_path / "clear", 60.0, treated=24)
    assert score_plates(stores, sites, splits) > 0.5
    assert score_plates(stores[:3], sites, splits) == score_plates(stores, sites, splits)
    assert score_plates(*plates(tmp_path / "none", 0.0, treated=24)) < 0


def test_of_many_other_wells_some_are_looked_at_whatever_the_order_of_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gandl.models.looks.probe.UNLABELLED_WELLS", 4)
    stores, sites, splits = plates(tmp_path / "many", 60.0, treated=12)
    looked_at: list[int] = []
    read = ImageStore.sites

    def counted(store: ImageStore, indices: list[int], resolution: int) -> np.ndarray:
        looked_at.extend(indices)
        return read(store, indices, resolution)

    trained, named = model(stores[0]), probe_id(sites, splits)
    probe = build_probe(stores, sites, splits, SETTINGS, C_GRID)
    monkeypatch.setattr(ImageStore, "sites", counted)
    before = probe(trained.discriminator_ema, trained.scale)
    assert len(looked_at) == 3 * (8 + 4)
    table = read_table(sites, SITES)
    write_table(table.iloc[::-1].reset_index(drop=True), sites, SITES)
    assert probe_id(sites, splits) == named
    again = build_probe(stores, sites, splits, SETTINGS, C_GRID)
    assert again(trained.discriminator_ema, trained.scale) == before


def test_images_are_read_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores, sites, splits = plates(tmp_path / "screen", 20.0)
    before = score_plates(stores, sites, splits)
    monkeypatch.setattr("gandl.models.looks.probe.SITES_AT_ONCE", 3)
    assert score_plates(stores, sites, splits) == before
