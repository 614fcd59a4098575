"""images, of the comparison: image stores become a table of tiles.

REQUIRED  the image stores and the sites table of the first screen; the section `comparison` of the configuration
MAKES     <results>/images/comparison/{dataset}.tiles.parquet
"""


rule comparison_tiles:
    """Cut the images of the first screen into tiles of one channel (a table of places), and hold wells out."""
    input:
        manifests=manifests_of(SCREEN),
        sites=f"<results>/source/{SCREEN}/sites.parquet",
    output:
        output=TILES,
    log:
        "<logs>/images/comparison_tiles.log",
    benchmark:
        "<benchmarks>/images/comparison_tiles.jsonl"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem=growing("2GB"),
        runtime=growing("1h"),
    params:
        **calls("gandl.images.tiles.table.write_tiles"),
        settings=of_comparison("tiles"),
        resolution=cfg.embeddings.resolutions[cfg.source.screen],
        by_tile=switched("tile_split"),
    script:
        "../../workflow/scripts/question.py"
