"""report: provenance, the audit page, where each number is shown beside its reference, and the explorer, a page to look around in;
the run as an RO-Crate.

REQUIRED  all results: the downloads, the manifests, profiles of all wells, numbers, figures; resources/paper_values.csv
MAKES     <results>/report/provenance.json, audit.html, audit.csv, numbers.csv, summary.txt, <results>/ro-crate-metadata.json; `make reproduce` adds Snakemake's
          own report.zip and report.html, which open with landing.rst
"""

EXPLORER = "<results>/report/explorer.html" if FEATURIZERS else []


def downloaded():
    """The published files that are below the folder of downloads: metadata, an archive that is read whole, embeddings."""
    files = []
    for dataset in DATASETS:
        if dataset == Dataset.BBBC013:
            files.append(official(dataset, "images"))
        elif dataset == Dataset.BBBC021:
            files += [official(dataset, file) for file in TABLES_OF_BBBC021]
        elif dataset not in OWN_FILES:
            files.append(official(dataset, "metadata"))
            if FeaturizerName.RELEASED.value in FEATURIZERS:
                files.append(official(dataset, "embeddings"))
    return files


def own_rules():
    """The rules of this workflow, and none of another one that uses it."""
    return [each for each in workflow.rules if each.module_globals is globals()]


def codes_of_rules(wildcards):
    """Hash of the code behind every rule, by rule; where screens, setups or families have code of their own, by these."""
    values = {"family": list(FAMILIES), "setup": SETUPS_TRAINED, "dataset": DATASETS}
    return codes(own_rules(), values)


def purposes_of_rules(wildcards):
    """What every rule is for, in the first line of its help."""
    return purposes(own_rules())


def outputs_of_rules(wildcards):
    """Paths that the jobs of all rules write, by rule, with wildcards in braces."""
    return outputs(own_rules())


rule provenance:
    """Hashes of configuration, code, lock and inputs; versions, hardware, time per rule. It waits for every job of the run."""
    input:
        workflow=home.files(workflow_files(home.folder)),
        lock=home.file("requirements.lock"),
        datasets=CATALOGUE,
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
        explorer=EXPLORER,
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
        mem=growing("1GB"),
        runtime=growing("10m"),
    params:
        benchmarks=located("<benchmarks>"),
        config=cfg.model_dump(mode="json", exclude={"mirror", "ome_zarr"}),
        codes=codes_of_rules,
        outputs=outputs_of_rules,
        code=code_version("gandl.report.made.provenance"),
    script:
        "../workflow/scripts/provenance.py"


rule audit:
    """The audit: reference, ours, interval and verdict of every value that the papers print, as a page and as a table; the run as an RO-Crate."""
    input:
        provenance="<results>/report/provenance.json",
        reference=REFERENCE,
        templates=home.files(
            [
                "src/gandl/report/templates/page.html.jinja",
                "src/gandl/report/templates/overview.html.jinja",
                "src/gandl/report/templates/screening.html.jinja",
                "src/gandl/report/templates/places.html.jinja",
                "src/gandl/report/templates/printed.html.jinja",
                "src/gandl/report/templates/plate.html.jinja",
                "src/gandl/report/templates/screen.html.jinja",
                "src/gandl/report/templates/floors.html.jinja",
                "src/gandl/report/templates/recognition.html.jinja",
                "src/gandl/report/templates/treatments.html.jinja",
                "src/gandl/report/templates/comparison.html.jinja",
                "src/gandl/report/templates/setups.html.jinja",
                "src/gandl/report/templates/macros.html.jinja",
                "src/gandl/report/templates/style.css.jinja",
            ]
        ),
        landing=home.file("workflow/report/workflow.rst"),
        workflow=home.files(workflow_sources(home.folder)),
        lock=home.file("requirements.lock"),
        figures=rules.figures.input,
        datasets=CATALOGUE,
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
        called=[
            f"<results>/evaluation/screening/{TRAINED[0]}.{METHOD}.{each}.parquet"
            for each in ("doses", "compounds")
            if requested("screening") and TRAINED[0] in FEATURIZERS
        ],
        full=home.file("config/paper.yaml"),
        curve=(
            f"<results>/models/gandl/seed_{cfg.training.seed}/curve.parquet"
            if FEATURIZERS
            else []
        ),
        setups=(
            collect(
                "<results>/evaluation/comparison/{table}.parquet",
                table=["table", "stability"],
            )
            if COMPARING
            else []
        ),
        similarity=of_task("similarity"),
        tasks=[*of_task("drug_control"), *of_task("clusters")],
        tiles=TILES if COMPARING else [],
    output:
        audit=in_report(
            "<results>/report/audit.html",
            "audit.rst",
            "Every number beside its reference",
        ),
        summary="<results>/report/summary.txt",
        table="<results>/report/audit.csv",
        numbers="<results>/report/numbers.csv",
        beside="<results>/report/beside_paper.json",
        landing="<results>/report/landing.rst",
        crate="<results>/ro-crate-metadata.json",
        configuration="<results>/report/configuration.json",
        lock="<results>/report/requirements.lock",
        workflow=[
            f"<results>/report/workflow/{file}"
            for file in workflow_sources(home.folder)
        ],
    log:
        "<logs>/report/audit.log",
    benchmark:
        "<benchmarks>/report/audit.jsonl"
    localrule: True
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
        rules=purposes_of_rules,
        code=code_version(
            "gandl.report.audit", "gandl.report.audit_table", "gandl.report.made.crate"
        ),
    script:
        "../workflow/scripts/audit.py"


rule report:
    """The audit page, the explorer, the provenance, and the run as an RO-Crate."""
    input:
        EXPLORER,
        "<results>/report/audit.html",
        "<results>/report/provenance.json",
        "<results>/ro-crate-metadata.json",


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
        mem=growing("2GB"),
        runtime=growing("4h"),
    params:
        **calls("gandl.explorer.thumbnails.write_thumbnails"),
        caption={},
        settings={},
        dataset=SCREEN,


use rule figure_samples as explorer with:
    """One page that opens from its file: E2 and C2 of all wells, plates, images, dose responses, compounds, neighbours."""
    input:
        style=home.files(page_files(home.folder)),
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
        mem=growing("4GB"),
        runtime=growing("30m"),
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
        scaling=cfg.evaluation.scaling.value,
