"""normalization: plate effects are removed from embeddings; a profile is one row per site and one per well.

REQUIRED  <results>/embeddings/{dataset}/{featurizer}/*.parquet, sites.parquet
MAKES     <results>/normalization/{dataset}/{featurizer}.{method}.sites.parquet and .wells.parquet; .fitted.safetensors, what was
          fitted to make them; the same wells as pycytominer reads them, .profiles.parquet and .profiles.csv.gz; if requested,
          .site_profiles.parquet and .profiles.h5ad
"""


rule normalization:
    """Remove plate effects from one featurizer's embeddings; write one row per site and per well."""
    input:
        sites="<results>/source/{dataset}/sites.parquet",
        embeddings=embeddings_of,
    output:
        sites="<results>/normalization/{dataset}/{featurizer}.{method}.sites.parquet",
        wells="<results>/normalization/{dataset}/{featurizer}.{method}.wells.parquet",
        fitted="<results>/normalization/{dataset}/{featurizer}.{method}.fitted.safetensors",
    log:
        "<logs>/normalization/{dataset}_{featurizer}_{method}.log",
    benchmark:
        "<benchmarks>/normalization/{dataset}_{featurizer}_{method}.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem=memory_of_fit,
        runtime=growing("2h"),
    params:
        settings=fitting,
        code=code_version("gandl.normalization.profiles"),
    script:
        "../workflow/scripts/normalization.py"


use rule normalization as collapsed_normalization with:
    """The same of a network that was trained anew for every fold of a question: fold by fold, with columns scheme and fold."""
    input:
        sites="<results>/source/{dataset}/sites.parquet",
        embeddings=embeddings_of_folds,
    output:
        sites="<results>/normalization/{dataset}/imagenet_collapsed-{question}.{method}.sites.parquet",
        wells="<results>/normalization/{dataset}/imagenet_collapsed-{question}.{method}.wells.parquet",
        fitted="<results>/normalization/{dataset}/imagenet_collapsed-{question}.{method}.fitted.safetensors",
    log:
        "<logs>/normalization/{dataset}_imagenet_collapsed-{question}_{method}.log",
    benchmark:
        "<benchmarks>/normalization/{dataset}_imagenet_collapsed-{question}_{method}.jsonl"
    wildcard_constraints:
        question="|".join(QUESTIONS_OF_FOLDS),
    resources:
        mem=growing("4GB"),
        runtime=growing("2h"),
    params:
        settings=fitting,
        code=code_version("gandl.normalization.folds"),


rule profiles:
    """Profiles of all wells with the columns of pycytominer, copairs and CytoTable, as parquet and csv.gz."""
    input:
        sites=collect("<results>/source/{dataset}/sites.parquet", dataset=DATASETS),
        profiles=profiles_of_run("wells.parquet"),
    output:
        parquet=profiles_of_run("profiles.parquet"),
        csv=profiles_of_run("profiles.csv.gz"),
    log:
        "<logs>/normalization/profiles.log",
    benchmark:
        "<benchmarks>/normalization/profiles.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem=growing("2GB"),
        runtime=growing("4h"),
    params:
        origin={"run": cfg.run, "images": WORD},
        code=code_version("gandl.normalization.export", "gandl.normalization.profiles"),
    script:
        "../workflow/scripts/export.py"


use rule profiles as site_profiles with:
    """The same of every site, as parquet; made only if requested, since it is as large as the embeddings."""
    input:
        sites=collect("<results>/source/{dataset}/sites.parquet", dataset=DATASETS),
        profiles=profiles_of_run("sites.parquet"),
    output:
        parquet=profiles_of_run("site_profiles.parquet"),
    log:
        "<logs>/normalization/site_profiles.log",
    benchmark:
        "<benchmarks>/normalization/site_profiles.jsonl"


use rule profiles as profiles_h5ad with:
    """The same of all wells as AnnData; made only if requested, and if the package anndata is installed."""
    output:
        h5ad=profiles_of_run("profiles.h5ad"),
    log:
        "<logs>/normalization/profiles_h5ad.log",
    benchmark:
        "<benchmarks>/normalization/profiles_h5ad.jsonl"
    resources:
        mem=growing("8GB"),
        runtime=growing("1h"),
