"""explorer: one page to look around in the screen, wells, plates, images, curves and compounds linked; it opens from a file.

REQUIRED  <results>/evaluation/**, profiles of the screen's wells, its image stores
MAKES     <results>/report/explorer.html and, beside it, <results>/report/explorer/<store>.jpg, thumbnails.json
"""


rule thumbnails:
    """A small picture of every well of the screen, one sheet per store."""
    input:
        sites=f"<results>/source/{SCREEN}/sites.parquet",
        manifests=manifests_of(SCREEN),
    output:
        index="<results>/report/explorer/thumbnails.json",
        sheets=collect("<results>/report/explorer/{store}.jpg", store=STORES[SCREEN]),
    log:
        "<logs>/report/thumbnails.log",
    benchmark:
        "<benchmarks>/report/thumbnails.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="2GB",
        runtime="4h",
    params:
        dataset=SCREEN,
        code=code_version("gandl.explorer.thumbnails"),
    script:
        "../workflow/scripts/thumbnails.py"


rule explorer:
    """The page: E2 and C2 of all wells, plates, images, dose responses, a table of compounds, nearest neighbours."""
    input:
        page=page_files(),
        sites=f"<results>/source/{SCREEN}/sites.parquet",
        thumbnails="<results>/report/explorer/thumbnails.json",
        scores=by_featurizer("scores"),
        cell_model=compared("cell_model", RAW, ".scores"),
        compounds=compared("screening", METHOD, ".compounds"),
        curves=compared("dose_response", METHOD, ".curves"),
        profiles=collect(
            "<results>/normalization/{dataset}/{featurizer}.{method}.wells.parquet",
            dataset=SCREEN,
            featurizer=EXPORTED,
            method=METHOD,
        ),
    output:
        html="<results>/report/explorer.html",
    log:
        "<logs>/report/explorer.log",
    benchmark:
        "<benchmarks>/report/explorer.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="4GB",
        runtime="2h",
    params:
        featurizers=FEATURIZERS,
        profiled=EXPORTED,
        network=NETWORK,
        about={
            "run": cfg.run,
            "dataset": SCREEN,
            "word": WORD,
            "first": DRAWN,
            "normalization": METHOD,
            "confidence": cfg.evaluation.confidence,
            "false_discovery": cfg.evaluation.false_discovery,
        },
        code=code_version("gandl.explorer.page"),
    script:
        "../workflow/scripts/explorer.py"
