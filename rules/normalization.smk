"""normalization: plate effects are removed from embeddings; a profile is one row per site and one per well.

REQUIRED  <results>/embeddings/{dataset}/{featurizer}/*.parquet, sites.parquet
MAKES     <results>/normalization/{dataset}/{featurizer}.{method}.sites.parquet and .wells.parquet
"""


rule normalization:
    """Remove plate effects from one featurizer's embeddings; write one row per site and per well."""
    input:
        sites="<results>/source/{dataset}/sites.parquet",
        embeddings=embeddings_of,
    output:
        sites="<results>/normalization/{dataset}/{featurizer}.{method}.sites.parquet",
        wells="<results>/normalization/{dataset}/{featurizer}.{method}.wells.parquet",
    log:
        "<logs>/normalization/{dataset}_{featurizer}_{method}.log",
    benchmark:
        "<benchmarks>/normalization/{dataset}_{featurizer}_{method}.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 1
    resources:
        mem="2GB",
        runtime="30m",
    params:
        code=code_version("gandl.normalization.profiles"),
    script:
        "../workflow/scripts/normalization.py"
