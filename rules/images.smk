"""images: the images of one plate or experiment, read straight from where they are, become one Zarr image store.

REQUIRED  <results>/source/{dataset}/sites.parquet; the archive (or its central directory, or files that the sites table names)
MAKES     <results>/images/{dataset}/{store}.zarr with its index and its manifest (the file that Snakemake follows)
"""


def archive_of(wildcards):
    """The image archive, where it lies on this machine as a file of the run: BBBC013's zip, or what the simulator drew."""
    if wildcards.dataset == Dataset.BBBC013:
        return [f"<downloads>/{official(wildcards.dataset, 'images')}"]
    if cfg.simulated:
        return [f"<simulator>/{official(wildcards.dataset, 'images')}"]
    return []


def directory_of(wildcards):
    """The central directory of an image archive that is read by its members."""
    section = getattr(cfg.source, wildcards.dataset)
    if getattr(section, "images_from", None) != ImagesFrom.ARCHIVE:
        return []
    return [f"<downloads>/{official(wildcards.dataset, 'images')}.members.parquet"]


def packing(wildcards):
    """What decides the bytes of a store; how they travel does not."""
    section = getattr(cfg.source, wildcards.dataset)
    transport = {"connections", "gap_kibibytes", "whole_archive", "resolutions"}
    return {
        "resolutions": cfg.images.resolutions[Dataset(wildcards.dataset)],
        "images": settings(cfg.images, exclude=transport),
        "source": settings(
            section, include={"images_from", "image_px", "pixel_size_um"}
        ),
        "simulator": SIMULATOR if cfg.simulated else None,
    }


def packing_code(wildcards):
    """The code that decodes and packs a screen's images."""
    packers = {"rxrx19a": "screen", "rxrx1": "screen"}
    return code_version(
        f"gandl.images.{packers.get(wildcards.dataset, wildcards.dataset)}"
    )


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
