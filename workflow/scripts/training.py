"""Rules `training` (of GAN-DL; the probe is handed in here), `conv_ae`, `cytogan`, `baseline` (labels), `comparison_training`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if not snakemake.resources.get("gpu", 0):
    # Heard when torch is imported: threads wait awake for a moment before they sleep (`gandl/__init__.py` lets them sleep at
    # once), and train a fifth faster. Not for longer: beside another process on the same cores they would hold each other up.
    os.environ["GOMP_SPINCOUNT"] = "10000"

from gandl.images.store_reader import ImageStore, store_path
from gandl.models.compute.device import choose_device
from gandl.models.engine.launch import run
from gandl.models.engine.worker import TrainingJob
from gandl.models.looks.classification import write_recognition
from gandl.models.objectives.kinds import DEFAULT, objective_of
from gandl.source.labels import write_labels
from gandl.workflow.jobs import job
from gandl.workflow.machines.gpus import own_gpus

gpus = int(snakemake.resources.get("gpu", 0))
with job(snakemake.log[0]), own_gpus(gpus):
    objective = snakemake.params.get("objective", DEFAULT)
    settings = objective_of(objective).settings_type.model_validate(snakemake.params.settings)
    stores = tuple(store_path(Path(manifest)) for manifest in snakemake.input.manifests)
    dropped = snakemake.params.get("drop_channels", [])
    weights = Path(snakemake.output.weights)
    sites, splits = (Path(table) for table in snakemake.input.probe_tables) if settings.probed else (None, None)
    pretrained = [Path(file) for file in snakemake.input.get("pretrained", [])]
    labels = Path(snakemake.output.labels) if snakemake.output.get("labels") else None
    if labels is not None:
        write_labels(Path(snakemake.input.sites), labels, held_out=settings.held_out, seed=settings.seed)
    run(
        TrainingJob(
            stores=stores,
            settings=settings,
            seed=int(snakemake.wildcards.seed),
            weights=weights,
            curve=Path(snakemake.output.curve),
            samples=Path(snakemake.output.samples),
            checkpoints=weights.parent / "checkpoints",
            objective=objective,
            labels=labels,
            tiles=Path(snakemake.input.tiles) if snakemake.input.get("tiles") else None,
            channels=tuple(name for name in ImageStore(stores[0]).channels if name not in dropped) if dropped else None,
            pretrained=next(iter(pretrained), None),
            probe_tables=None if sites is None else (sites, splits),
            gpus=gpus,
            nodes=int(snakemake.resources.get("nodes", 1)),
            threads=snakemake.threads,
            log=Path(snakemake.log[0]),
        )
    )
    if labels is not None:
        sites, output = Path(snakemake.input.sites), Path(snakemake.output.recognition)
        write_recognition(stores, weights, labels, sites, output, device=choose_device(gpus))
