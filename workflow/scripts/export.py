"""Exports: rules `profiles`, `site_profiles` and `profiles_h5ad` (for pycytominer, copairs), `ome_zarr_plates` (for napari)."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl import __version__
from gandl.images.export.plates import export_store
from gandl.images.store_reader import store_path
from gandl.normalization.export import export_profiles
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    if snakemake.input.get("profiles"):
        sites = {Path(path).parent.name: Path(path) for path in snakemake.input.sites}
        run = {**snakemake.params.origin, "version": __version__, "code": snakemake.params.code}
        by_ending = [files for _, files in snakemake.output.items()]
        for profiles, *outputs in zip(snakemake.input.profiles, *by_ending, strict=True):
            path = Path(profiles)
            origin = {**run, "normalization": path.name.split(".")[1]}
            export_profiles(path, sites[path.parent.name], [Path(output) for output in outputs], origin)
    else:
        export_store(
            store_path(Path(snakemake.input.manifest)),
            Path(snakemake.input.sites),
            Path(snakemake.output.manifest),
            dataset=snakemake.wildcards.dataset,
            plates=snakemake.params.plates,
            wells=snakemake.params.wells,
            word=snakemake.params.word,
            threads=snakemake.threads,
        )
