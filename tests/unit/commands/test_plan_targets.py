"""The plan of one target: what its jobs need, with jobs, GPU hours and sizes; what Snakemake refuses, in its sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from gandl.__main__ import main
from gandl.commands.plan import plan_lines
from gandl.commands.planning.jobs import Job, Needs, read_jobs
from gandl.commands.planning.requests import job_lines
from gandl.commands.planning.storage import dim_of
from gandl.commands.planning.work import gpu_hours, training_lines
from gandl.config import FeaturizerName, Intensity
from gandl.config.files import read_config
from gandl.embeddings.network import Look, NetworkFeaturizer
from gandl.models.crops.intensity import IntensityScale
from gandl.models.networks.gan import untrained

LISTED = """\
Building DAG of jobs...
Job stats:
job       count
------  -------
images        1
total         3

[Sun Nov 29 10:00:00 2026]
rule images:
    input: results/paper/source/rxrx19a/sites.parquet
    output: results/paper/images/rxrx19a/HRCE-1_1.parquet, results/paper/images/rxrx19a/HRCE-1_1.manifest.json
    jobid: 2
    reason: Missing output files: results/paper/images/rxrx19a/HRCE-1_1.manifest.json
    wildcards: dataset=rxrx19a, store=HRCE-1_1
    threads: 2
    resources: mem_mb=3000, runtime=240

[Sun Nov 29 10:00:00 2026]
rule training:
    input: results/paper/images/rxrx19a/HRCE-1_1.manifest.json
    output: results/paper/models/gandl/seed_0/weights.safetensors, results/paper/models/gandl/seed_0/last.safetensors
    jobid: 1
    wildcards: seed=0
    resources: gpu=4, mem_mb=3000

[Sun Nov 29 10:00:00 2026]
localrule all:
    input: results/paper/models/gandl/seed_0/weights.safetensors
    jobid: 0
"""


@pytest.fixture(autouse=True)
def _in_the_project(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)


def test_jobs_are_read_out_of_a_dry_run() -> None:
    images, training = read_jobs(LISTED)
    assert (images.rule, images.wildcards) == ("images", {"dataset": "rxrx19a", "store": "HRCE-1_1"})
    assert images.outputs[1].endswith("HRCE-1_1.manifest.json")
    assert (training.gpus, images.gpus) == (4, 0)
    needs = Needs.of([images, training])
    assert (needs.stores, needs.trainings, needs.featurizers) == ({"rxrx19a": ("HRCE-1_1",)}, ("gandl",), ())
    assert job_lines([images, training])[0] == "  jobs       2 jobs, 1 of them on a GPU"
    assert job_lines([]) == ["  jobs       none: everything is there already"]


def test_a_target_of_one_store_is_planned_with_that_store_alone(tmp_path: Path) -> None:
    config = read_config(Path("config/paper.yaml"))
    lines = "\n".join(plan_lines(config, None, tmp_path, read_jobs(LISTED), "figure_training"))
    assert lines.startswith("Run paper, figure_training: rxrx19a\n")
    assert "1 store, ~5,360 sites (305,520 published, 1 of its stores)" in lines
    assert "rxrx1" not in lines.replace("rxrx19a", "").replace("rxrx/", "")
    assert "training   gandl: 8,000,000 images" in lines
    assert "densenet" not in lines
    assert "released" not in lines
    assert "GPU hours  of gandl not measured" in lines


def test_gpu_hours_of_every_training_follow_from_its_operations() -> None:
    config = read_config(Path("config/paper.yaml"))
    hours = {name: gpu_hours(config, name) for name in (FeaturizerName.GANDL, FeaturizerName.CONV_AE)}
    assert all("not measured for a network of this shape; by its " in text for text in hours.values())
    assert float(hours[FeaturizerName.GANDL].partition("~")[2].split()[0].replace(",", "")) == pytest.approx(
        13, rel=0.6
    )


def test_families_of_cytogan_are_trainings_that_are_named_and_have_a_length() -> None:
    """A job of theirs says which by its wildcard."""
    featurizers = ["gandl", "bigan", "vae"]
    recipes = {name: {"resolution": 512} for name in ("bigan", "vae")}
    config = read_config(Path("config/paper.yaml")).changed(embeddings={"featurizers": featurizers}, cytogan=recipes)
    trained = [line.split()[1] for line in training_lines(config, Path("results"), ["bigan", "vae"]) if "batch" in line]
    assert trained == ["bigan:", "vae:"]
    assert "operations" in gpu_hours(config, FeaturizerName.BIGAN)
    assert [dim_of(name, config) for name in ("bigan", "vae", "gandl")] == [100, 256, 512]
    jobs = [Job("cytogan", wildcards={"family": "vae", "seed": "0"}), Job("conv_ae"), Job("floors")]
    assert Needs.of(jobs).trainings == ("vae", "conv_ae")


@pytest.mark.parametrize("blocks", [[], ["image", "block_8", "last"]])
def test_lengths_of_vectors_are_those_of_the_network(blocks: list[str]) -> None:
    config = read_config(Path("config/config.yaml"))
    settings = config.embeddings.changed(blocks=blocks)
    scale = IntensityScale(("a",), (0.0,), (1.0,), Intensity.STORE, (0.0,), (1.0,))
    look = Look(untrained(config.training, scale, 0, None), settings)
    for name in ("gandl", "gandl_blocks", "gandl_untrained"):
        dim = NetworkFeaturizer(FeaturizerName(name), look, settings).dim
        assert dim_of(name, config.changed(embeddings={"blocks": blocks})) == dim, name
    assert dim_of("conv_ae", config) == config.counterparts.conv_ae.network.code_dim
    assert dim_of("cell_count", config) is None


@pytest.mark.parametrize("target", ["figure_3", "figure_nine"])
def test_a_target_that_cannot_be_made_is_refused_in_snakemakes_sentence(target: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["plan", "--configfile", "config/bbbc013.yaml", "--", target])
    sentence = str(caught.value.code)
    assert target in sentence
    assert "Traceback" not in sentence


def test_the_plan_of_table_1_explains_data_storage_gpu_hours_and_jobs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    main(["plan", "--configfile", "config/paper.yaml", "--", "table_1"])
    text = capsys.readouterr().out
    assert text.startswith("Run paper, table_1: rxrx19a and rxrx1")
    for line in (
        "~445 GB",
        "disk       image stores: at most",
        "disk       embeddings: ~",
        "GPU hours  of gandl",
        "jobs       ",
    ):
        assert line in text
    assert "figure_3" not in text
