"""Pycytominer, copairs and anndata read what the workflow wrote, as it is, and compute what gandl computes; statsmodels, too.
napari opens exported plates.

They are no requirements of gandl: the tests make an environment of their own in `.cache/interop`, pinned by `envs/interop.lock`
(about 170 packages and 938 MB, once), and are skipped where that cannot be installed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from export_inputs import CHANNELS, exported, write_screen as write_plates
from gandl.config import Normalization, NormalizationSettings
from gandl.evaluation.hits import adjusted
from gandl.normalization.export import export_profiles
from gandl.normalization.profiles import normalized
from gandl.statistics.agreement import agreement, replicate_agreement
from gandl.tables import feature_columns
from pair_inputs import features as pair_features, infected_sites, write_screen
from tiny_project import Project

PROFILES = "results/tiny/normalization/bbbc013/gandl_blocks"
SAMPLES = {
    "unlabelled": "Metadata_control_type not in ['negcon', 'poscon']",
    "mock": "Metadata_control_type == 'negcon'",
}
"""The reference wells of two normalisations, as pycytominer is given them."""
PAIRS = {
    "treatments": {"profiles": "standard.parquet", "of": "Metadata_treatment", "within": "Metadata_Plate"},
    "wells": {"profiles": "sites.profiles.parquet", "of": "Metadata_well_id", "within": "Metadata_Plate"},
}

REPLICATES = {
    "profiles": "wells.profiles.parquet",
    "by": [
        *(["Metadata_treatment", "Metadata_cell_type"], ["Metadata_Plate"]),
        *(["Metadata_cell_type"], ["Metadata_Plate", "is_control"]),
    ],
}
"""Wells of a treatment among negative controls, all of other plates than their own."""
P_VALUES = [0.001, 0.2, 0.2, 0.03, 0.9, 0.0004, 0.05, 1.0, 0.012, 0.03]


@pytest.fixture(scope="session")
def python(repository: Path) -> Path:
    """The interpreter of an environment with exactly the packages of the lock."""
    lock, folder = repository / "envs/interop.lock", repository / ".cache/interop"
    ready = folder / "installed.lock"
    if not (ready.exists() and ready.read_bytes() == lock.read_bytes()):
        shutil.rmtree(folder, ignore_errors=True)
        made = subprocess.run([sys.executable, "-m", "venv", folder], capture_output=True, text=True, check=False)
        install = [
            folder / "bin/python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            "--require-hashes",
            "--no-compile",
        ]
        options = ["--only-binary", ":all:", "--retries", "1", "--timeout", "20", "--disable-pip-version-check"]
        if made.returncode == 0:
            made = subprocess.run([*install, *options, "-r", lock], capture_output=True, text=True, check=False)
        if made.returncode:
            reason = (made.stderr or made.stdout).strip().splitlines() or ["no reason given"]
            pytest.skip(f"the packages of envs/interop.lock could not be installed: {reason[-1]}")
        shutil.copy(lock, ready)
    return folder / "bin/python"


@pytest.fixture(scope="session")
def tried(python: Path, project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files of the workflow, and what the tools made of them (`field_tools.py`)."""
    done = project.run("profiles")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    folder = tmp_path_factory.mktemp("interop")
    for ending in ("parquet", "csv.gz"):
        shutil.copy(project.folder / f"{PROFILES}.none.profiles.{ending}", folder / f"raw.{ending}")
    shutil.copy(project.folder / f"{PROFILES}.none.wells.parquet", folder / "wells.parquet")
    shutil.copy(project.folder / f"{PROFILES}.unlabelled.profiles.parquet", folder / "standard.parquet")
    shutil.copy(project.folder / "results/tiny/source/bbbc013/sites.parquet", folder)
    (folder / "samples.json").write_text(json.dumps(SAMPLES), encoding="utf-8")
    sites = infected_sites({"HRCE-1": 2, "VERO-1": 1})  # two sites per well, which the plate above does not have
    screen = write_screen(folder / "screen", sites, pair_features(sites, effect=0.5))
    export_profiles(
        screen.site_profiles(Normalization.UNLABELLED), screen.sites, [folder / "sites.profiles.parquet"], {}
    )
    export_profiles(screen.wells(Normalization.NONE), screen.sites, [folder / "wells.profiles.parquet"], {})
    shutil.copy(screen.wells(Normalization.NONE), folder / "raw.wells.parquet")
    for name, pairs in PAIRS.items():
        of, within = pairs["of"], pairs["within"]
        by = [[of, within], [], [within], [of]]  # alike and different in, of pairs that belong together and of others
        (folder / f"pairs.{name}.json").write_text(json.dumps({**pairs, "by": by}), encoding="utf-8")
    (folder / "pairs.replicates.json").write_text(json.dumps(REPLICATES), encoding="utf-8")
    (folder / "p.json").write_text(json.dumps(P_VALUES), encoding="utf-8")
    script = Path(__file__).parents[1] / "helpers/field_tools.py"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([python, script, folder], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def of_features(table: pd.DataFrame) -> pd.DataFrame:
    return table.filter(regex="^(?!Metadata_)")


def test_feature_selection_finds_the_features_and_keeps_the_metadata(tried: Path) -> None:
    selected = json.loads((tried / "selected.json").read_text(encoding="utf-8"))
    raw = pd.read_parquet(tried / "raw.parquet")
    assert selected["parquet"] == selected["csv.gz"]
    metadata = [name for name in raw if name.startswith("Metadata_")]
    assert selected["parquet"][: len(metadata)] == metadata
    assert 0 < len(selected["parquet"]) - len(metadata) < of_features(raw).shape[1]


@pytest.mark.parametrize("method", list(SAMPLES))
def test_pycytominer_standardises_as_gandl_does(tried: Path, method: str) -> None:
    """One site per well: equal but for its division by n instead of n - 1, where a feature varies in the reference at all."""
    wells = pd.read_parquet(tried / "wells.parquet")
    values = wells[feature_columns(wells)].to_numpy(np.float64)
    ours = normalized(values, wells, Normalization(method))
    if method == "unlabelled":
        written = of_features(pd.read_parquet(tried / "standard.parquet"))
        np.testing.assert_allclose(written, ours, rtol=1e-5, atol=1e-5)
    theirs = pd.read_parquet(tried / f"normalized.{method}.parquet")
    n = theirs.query(SAMPLES[method]).shape[0]
    varies = ours.any(axis=0)
    assert varies.any()
    scaled = of_features(theirs).to_numpy() * np.sqrt((n - 1) / n)
    np.testing.assert_allclose(scaled[:, varies], ours[:, varies], rtol=1e-5, atol=1e-5)  # the CSV is decimal


def test_pycytominer_spherizes_and_takes_median_and_mad_as_gandl_does(tried: Path) -> None:
    """Its epsilon, 1e-6 of a singular value, and its 1.4826, which has four digits, are all that differs."""
    wells = pd.read_parquet(tried / "raw.wells.parquet")
    values = wells[feature_columns(wells)].to_numpy(np.float64)
    ours = normalized(values, wells, Normalization.SPHERIZE, NormalizationSettings(regularization=0.0))
    theirs = of_features(pd.read_parquet(tried / "spherized.parquet")).to_numpy()
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    first = (wells["plate_id"] == wells["plate_id"].iloc[0]).to_numpy()
    robust = of_features(pd.read_parquet(tried / "robust.parquet")).to_numpy()
    np.testing.assert_allclose(normalized(values, wells, Normalization.MAD)[first], robust, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", list(PAIRS))
def test_copairs_finds_the_precision_that_agreement_finds(tried: Path, name: str) -> None:
    pairs = PAIRS[name]
    table = pd.read_parquet(tried / pairs["profiles"])
    ours = agreement(of_features(table).to_numpy(float), table[pairs["of"]], table[pairs["within"]])
    theirs = pd.read_parquet(tried / f"precision.{name}.parquet")["average_precision"]
    assert theirs.notna().all()
    assert ours.precision < 0.999, "a ranking without a mistake would show little"
    assert ours.precision == pytest.approx(theirs.mean(), abs=1e-5)  # copairs rounds similarities to 32 bit: ties


def test_copairs_finds_the_precision_of_replicates_among_negative_controls(tried: Path) -> None:
    wells = pd.read_parquet(tried / "raw.wells.parquet")
    theirs = pd.read_parquet(tried / "precision.replicates.parquet")
    assert theirs["Metadata_well_id"].tolist() == wells["well_id"].tolist()
    several = (wells["plate_id"].str.startswith("HRCE")).to_numpy()  # two plates, each with every treatment
    chosen = several & ((wells["control"] == "negative") | (wells["control"] == "none") & wells["treatment"].notna())
    wells, theirs = wells[chosen.to_numpy()], theirs[chosen.to_numpy()]
    treated = (wells["control"] == "none").to_numpy()
    codes, names = pd.factorize(wells["treatment"].where(treated))
    found = replicate_agreement(
        wells[feature_columns(wells)].to_numpy(np.float64), codes, wells["plate_id"], draws=1, seed=0
    )
    assert np.isfinite(found.precision).all()
    assert found.precision.min() < 0.9, "rankings without a mistake would show little"
    expected = theirs[treated].groupby("Metadata_treatment")["average_precision"].mean().reindex(names)
    np.testing.assert_allclose(found.precision, expected, atol=1e-5)


def test_statsmodels_adjusts_p_values_as_hits_does(tried: Path) -> None:
    theirs = json.loads((tried / "q.json").read_text(encoding="utf-8"))
    np.testing.assert_allclose(adjusted(np.array(P_VALUES)), theirs, rtol=1e-12)


def test_anndata_holds_metadata_features_and_origin(tried: Path) -> None:
    raw, theirs = pd.read_parquet(tried / "raw.parquet"), pd.read_parquet(tried / "h5ad.parquet")
    np.testing.assert_array_equal(of_features(theirs), of_features(raw))
    assert list(of_features(theirs)) == list(of_features(raw))
    for name in (name for name in raw if name.startswith("Metadata_")):
        assert theirs[name].fillna("").tolist() == raw[name].fillna("").tolist(), name
    notes = json.loads((tried / "uns.json").read_text(encoding="utf-8"))
    assert (notes["run"], notes["featurizer"]) == ("tiny", "gandl_blocks")


def test_the_validator_of_ro_crates_finds_nothing_to_require_of_a_run(
    python: Path, finished: Project, tmp_path: Path
) -> None:
    known = subprocess.run([python, "-c", "import rocrate, rocrate_validator"], capture_output=True, check=False)
    if known.returncode:
        pytest.skip("envs/interop.lock has no roc-validator")
    helper = Path(__file__).parents[1] / "helpers/crate_validator.py"
    crate = (
        tmp_path / "crate"
    )  # the validator (0.13) finds no file below a folder whose name has spaces, or letters beyond ASCII
    crate.symlink_to(finished.folder / "results/tiny")
    done = subprocess.run([python, helper, crate], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == ""


def test_napari_opens_an_exported_plate_with_its_channels(python: Path, tmp_path: Path) -> None:
    screen = write_plates(tmp_path, wells=("A01", "A02"), dtype="uint8")
    exported(screen, tmp_path, word="simulated")
    plate = tmp_path / "rxrx19a/HRCE-1_1.zarr"
    helper = Path(__file__).parents[1] / "helpers/napari_layers.py"
    command = [python, helper, plate, tmp_path]
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "NAPARI_CONFIG": "",
    }  # no settings of the user are read or written
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    layers = json.loads((tmp_path / "layers.json").read_text(encoding="utf-8"))
    assert [layer["name"].rpartition(": ")[2] for layer in layers] == list(CHANNELS)
    for i, layer in enumerate(layers):
        assert layer["scale"][-1] == pytest.approx(0.65)
        assert layer["levels"] > 1
        shown = np.load(tmp_path / f"layer_{i}.npy")
        assert shown.shape == (2 * 70, 3 * 96), "the smallest plate with A01 and A02 has 6 wells"
        np.testing.assert_array_equal(shown[:70, :96], screen.pixels[0, i])
        np.testing.assert_array_equal(shown[:70, 96:192], screen.pixels[2, i])
        assert not shown[70:].any()
