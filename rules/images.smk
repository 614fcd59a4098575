"""images: the files of one plate, read straight from their archive, become one Zarr image store.

REQUIRED  the archive, <results>/source/{dataset}/sites.parquet
MAKES     <results>/images/{dataset}/{store}.zarr with its index and its manifest (the file that Snakemake follows)
"""


rule images:
    """Pack one plate into a Zarr image store; resumes shard by shard."""
    input:
        archive=collect("<downloads>/{archive}", archive=ARCHIVES),
        sites="<results>/source/{dataset}/sites.parquet",
    output:
        index="<results>/images/{dataset}/{store}.parquet",
        manifest="<results>/images/{dataset}/{store}.manifest.json",
    log:
        "<logs>/images/{dataset}_{store}.log",
    benchmark:
        "<benchmarks>/images/{dataset}_{store}.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="2GB",
        runtime="4h",
    params:
        settings=settings(cfg.images),
        code=code_version("gandl.images.bbbc013"),
    script:
        "../workflow/scripts/images.py"
