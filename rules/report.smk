"""report: provenance, the audit page, where each number is shown beside its reference, and the explorer, a page to look around in.

REQUIRED  all results: the downloads, the manifests, profiles of all wells, numbers, figures; resources/paper_values.csv
MAKES     <results>/report/provenance.json, audit.html, summary.txt; `make reproduce` adds Snakemake's own report.zip
"""


rule provenance:
    """Hashes of configuration, code, lock and inputs; versions, hardware, time per rule. It waits for every job of the run."""
    input:
        workflow=workflow_files(),
        lock="requirements.lock",
        datasets="resources/datasets.csv",
        tables=[table for dataset in DATASETS for table in tables_of(dataset)],
        archives=[
            *collect("<downloads>/{archive}", archive=downloaded()),
            *imagenet_files(),
        ],
        origins=collect("<downloads>/{archive}.origin.json", archive=downloaded()),
        sites=collect("<results>/source/{dataset}/sites.parquet", dataset=DATASETS),
        manifests=[
            manifest for dataset in DATASETS for manifest in manifests_of(dataset)
        ],
        profiles=rules.profiles.output,
        numbers=NUMBERS,
        paired=COMPARISONS,
        figures=rules.figures.input,
        explorer="<results>/report/explorer.html",
    output:
        provenance="<results>/report/provenance.json",
    log:
        "<logs>/report/provenance.log",
    benchmark:
        "<benchmarks>/report/provenance.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="1GB",
        runtime="10m",
    params:
        benchmarks=f"results/{cfg.run}/benchmarks",
        config=cfg.model_dump(mode="json", exclude={"mirror"}),
        codes=codes,
        code=code_version("gandl.report.provenance"),
    script:
        "../workflow/scripts/provenance.py"


rule audit:
    """The audit page: reference, ours, interval and verdict for every number, with its data and its code."""
    input:
        provenance="<results>/report/provenance.json",
        reference="resources/paper_values.csv",
        templates=[
            "src/gandl/report/templates/page.html.jinja",
            "src/gandl/report/templates/plate.html.jinja",
            "src/gandl/report/templates/screen.html.jinja",
            "src/gandl/report/templates/floors.html.jinja",
            "src/gandl/report/templates/recognition.html.jinja",
            "src/gandl/report/templates/treatments.html.jinja",
            "src/gandl/report/templates/macros.html.jinja",
            "src/gandl/report/templates/style.css.jinja",
        ],
        datasets="resources/datasets.csv",
        sites=collect("<results>/source/{dataset}/sites.parquet", dataset=DATASETS),
        numbers=NUMBERS,
        treatments=(
            f"<results>/evaluation/treatments/{DRAWN}.{METHOD}.treatments.parquet"
            if requested("treatments")
            else []
        ),
        compounds=(
            f"<results>/evaluation/screening/{DRAWN}.{METHOD}.compounds.parquet"
            if requested("screening")
            else []
        ),
        paired=COMPARISONS,
        curve=f"<results>/models/gandl/seed_{cfg.training.seed}/curve.parquet",
    output:
        audit=report(
            "<results>/report/audit.html",
            caption="../workflow/report/audit.rst",
            category="report",
            labels={"result": "Every number beside its reference"},
        ),
        summary="<results>/report/summary.txt",
    log:
        "<logs>/report/audit.log",
    benchmark:
        "<benchmarks>/report/audit.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="1GB",
        runtime="10m",
    params:
        caption=caption(
            "bootstrap", "confidence", "images", "crop", "resolution", "seed"
        ),
        code=code_version("gandl.report.audit"),
    script:
        "../workflow/scripts/audit.py"


rule report:
    """The audit page, the explorer and the provenance."""
    input:
        "<results>/report/audit.html",
        "<results>/report/explorer.html",
        "<results>/report/provenance.json",


use rule figure_samples as thumbnails with:
    """A small picture of every well of the screen, one sheet per store, for the explorer."""
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
    resources:
        mem="2GB",
        runtime="4h",
    params:
        **calls("gandl.explorer.thumbnails.write_thumbnails"),
        caption={},
        settings={},
        dataset=SCREEN,


use rule figure_samples as explorer with:
    """One page that opens from its file: E2 and C2 of all wells, plates, images, dose responses, compounds, neighbours."""
    input:
        style=page_files(),
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
    resources:
        mem="4GB",
        runtime="2h",
    params:
        **calls("gandl.explorer.page.write_explorer"),
        caption={},
        settings={},
        featurizers=FEATURIZERS,
        profiled=EXPORTED,
        run=cfg.run,
        dataset=SCREEN,
        first=DRAWN,
        normalization=METHOD,
        confidence=cfg.evaluation.confidence,
        false_discovery=cfg.evaluation.false_discovery,
