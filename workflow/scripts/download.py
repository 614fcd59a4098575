"""Rule `download`: one official file."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.jobs import job
from gandl.source.catalogue import download_at
from gandl.source.download import download

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    entry = download_at(f"{snakemake.wildcards.host}/{snakemake.wildcards.path}", Path(snakemake.input.datasets))
    download(
        entry.url,
        Path(snakemake.output.archive),
        size=entry.bytes,
        sha256=entry.sha256,
        mirror=snakemake.config.get("mirror"),
    )
