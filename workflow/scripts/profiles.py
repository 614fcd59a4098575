"""Rules `profiles`, `site_profiles` and `profiles_h5ad`: profiles as pycytominer and copairs read them."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl import __version__
from gandl.normalization.export import export_profiles
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    sites = {Path(path).parent.name: Path(path) for path in snakemake.input.sites}
    run = {**snakemake.params.origin, "version": __version__, "code": snakemake.params.code}
    by_ending = [files for _, files in snakemake.output.items()]
    for profiles, *outputs in zip(snakemake.input.profiles, *by_ending, strict=True):
        path = Path(profiles)
        origin = {**run, "normalization": path.name.split(".")[1]}
        export_profiles(path, sites[path.parent.name], [Path(output) for output in outputs], origin)
