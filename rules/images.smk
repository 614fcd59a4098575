"""images: the images of one plate or experiment, read straight from where they are, become one Zarr image store.

REQUIRED  <results>/source/{dataset}/sites.parquet; the archive (or its central directory, or files that the sites table names)
MAKES     <results>/images/{dataset}/{store}.zarr with its index and its manifest (the file that Snakemake follows); if requested,
          <results>/images/ome_zarr/{dataset}/<plate>.zarr and .wells.csv with the store's {store}.manifest.json
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
        mem=growing(cfg.compute.store_memory),
        runtime=growing(cfg.compute.store_runtime),
    params:
        settings=packing,
        address=address_of,
        code=packing_code,
    script:
        "../workflow/scripts/images.py"


rule ome_zarr_plates:
    """Export plates of one store as OME-Zarr 0.5: channels, scale, wells and fields as viewers read them, and smaller images."""
    input:
        manifest="<results>/images/{dataset}/{store}.manifest.json",
        sites="<results>/source/{dataset}/sites.parquet",
    output:
        manifest="<results>/images/ome_zarr/{dataset}/{store}.manifest.json",
    log:
        "<logs>/images/ome_zarr_{dataset}_{store}.log",
    benchmark:
        "<benchmarks>/images/ome_zarr_{dataset}_{store}.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: cfg.compute.threads
    resources:
        mem=growing(cfg.compute.store_memory),
        runtime=growing(cfg.compute.store_runtime),
    params:
        plates=plates_of_export,
        wells=cfg.ome_zarr.wells,
        word=WORD,
        code=code_version("gandl.images.export.plates"),
    script:
        "../workflow/scripts/export.py"


rule ome_zarr:
    """Plates that the configuration names (`ome_zarr`) as OME-Zarr 0.5, for napari and other viewers; made only if requested."""
    input:
        exports,
