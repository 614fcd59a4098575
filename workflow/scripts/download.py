"""Rule `download`: one official file, and where it came from."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.jobs import job
from gandl.source.download import download
from gandl.source.origin import mirror_of, write_origin

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    archive, mirror = Path(snakemake.output.archive), snakemake.config["mirror"]
    if snakemake.input.simulated:
        mirror = mirror_of(snakemake.input.simulated, f"{snakemake.wildcards.host}/{snakemake.wildcards.path}")
    entry = snakemake.params.entry
    download(entry["url"], archive, size=entry["size"], sha256=entry["sha256"], mirror=mirror)
    write_origin(archive, mirror, Path(snakemake.output.origin))
