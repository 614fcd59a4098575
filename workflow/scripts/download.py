"""Rules `download`, `pretrained`: one official file, and where it came from; `directory`: an archive's central directory."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import ImagesSettings
from gandl.source.remote.copies import record_copy
from gandl.source.remote.datasets import path_of_url
from gandl.source.remote.download import download
from gandl.source.remote.origin import write_origin
from gandl.source.simulator.plan import mirror_in_use
from gandl.source.zip.directory import write_directory
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    entry = snakemake.params.entry
    mirror = mirror_in_use(snakemake.config["mirror"], snakemake.input.simulated)
    if directory := snakemake.output.get("directory"):
        images = ImagesSettings.model_validate(snakemake.config["images"])
        write_directory(entry["url"], mirror=mirror, output=Path(directory), settings=images)
    else:
        archive, location = Path(snakemake.output.archive), path_of_url(entry["url"])
        record_copy(archive, location, None if snakemake.input.simulated else mirror, entry.get("copied"))
        otherwise = snakemake.params.get("otherwise", "")
        download(entry["url"], archive, size=entry["size"], sha256=entry["sha256"], mirror=mirror, otherwise=otherwise)
        write_origin(archive, mirror, Path(snakemake.output.origin))
