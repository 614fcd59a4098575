"""source: the archive and the plate map of a screen become `sites.parquet` and `splits.parquet`.

REQUIRED  resources/datasets.csv, the plate map (`source.platemap`), the official host or `mirror:`
MAKES     <downloads>/<host>/<path>, <results>/source/{dataset}/sites.parquet and splits.parquet
"""


rule download:
    """Download one official file; resumes, retries, checks size and checksum, honours `mirror:`."""
    output:
        archive="<downloads>/{host}/{path}",
        origin="<downloads>/{host}/{path}.origin.json",
    log:
        "<logs>/source/download/{host}/{path}.log",
    benchmark:
        "<benchmarks>/source/download/{host}/{path}.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="1GB",
        runtime="12h",
    params:
        entry=entry_of,  # address, size and checksum alone decide a download: no code, no table, or 445 GB would move again
    script:
        "../workflow/scripts/download.py"


rule sites:
    """Turn the plate map into the sites table, one row per field of view."""
    input:
        platemap=cfg.source.platemap,
    output:
        sites="<results>/source/{dataset}/sites.parquet",
    log:
        "<logs>/source/{dataset}_sites.log",
    benchmark:
        "<benchmarks>/source/{dataset}_sites.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="1GB",
        runtime="10m",
    params:
        code=code_version("gandl.source.bbbc013"),
    script:
        "../workflow/scripts/sites.py"


rule splits:
    """Decide once, before any network, which wells may be trained on and which are tested, per question."""
    input:
        sites="<results>/source/{dataset}/sites.parquet",
    output:
        splits="<results>/source/{dataset}/splits.parquet",
    log:
        "<logs>/source/{dataset}_splits.log",
    benchmark:
        "<benchmarks>/source/{dataset}_splits.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="1GB",
        runtime="10m",
    params:
        development_rows=cfg.source.development_rows,
        code=code_version("gandl.source.splits"),
    script:
        "../workflow/scripts/splits.py"
