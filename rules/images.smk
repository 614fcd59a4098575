"""images: the images of one plate or experiment, read straight from where they are, become one Zarr image store.

REQUIRED  <results>/source/{dataset}/sites.parquet; the archive (or its central directory, or files that the sites table names)
MAKES     <results>/images/{dataset}/{store}.zarr with its index and its manifest (the file that Snakemake follows)
"""


rule images:
    """Pack one plate or experiment into a Zarr image store; resumes shard by shard."""
    input:
        archive=archive_of,
        directory=directory_of,
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
    threads: cfg.compute.threads
    resources:
        mem=cfg.compute.store_memory,
        runtime=cfg.compute.store_runtime,
    params:
        settings=packing,
        code=packing_code,
    script:
        "../workflow/scripts/images.py"
