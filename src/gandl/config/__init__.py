"""config: a parsed YAML file -> a checked `Config`, one pydantic model, or every mistake at once.

Everything that describes the configuration elsewhere (the comments of `config/*.yaml`, `config/schema.json`, the table in
`config/README.md`) is generated from these classes by `python -m gandl.config.files`; a test keeps them in step.
The Snakefile imports it at every start, so it stays light: pydantic, nothing heavier.
"""

from gandl.config.comparison import (
    ComparisonSettings as ComparisonSettings,
    ComparisonTasksSettings as ComparisonTasksSettings,
    TilesSettings as TilesSettings,
)
from gandl.config.comparison_terms import (
    Beyond as Beyond,
    Paradigm as Paradigm,
    Setting as Setting,
    Switch as Switch,
)
from gandl.config.counterparts import (
    AutoencoderNetworkSettings as AutoencoderNetworkSettings,
    AutoencoderSettings as AutoencoderSettings,
    ClassifierNetworkSettings as ClassifierNetworkSettings,
    ClassifierSettings as ClassifierSettings,
    CollapsedCounterpart as CollapsedCounterpart,
    CollapsedNetworkSettings as CollapsedNetworkSettings,
    CollapsedSettings as CollapsedSettings,
    CounterpartsSettings as CounterpartsSettings,
    PerceptualSettings as PerceptualSettings,
    Schedule as Schedule,
)
from gandl.config.cytogan import (
    CytoganSettings as CytoganSettings,
    recipes_of_cytogan as recipes_of_cytogan,
)
from gandl.config.normalization import (
    READ_BY as READ_BY,
    Batch as Batch,
    Normalization as Normalization,
    NormalizationSettings as NormalizationSettings,
    Reference as Reference,
)
from gandl.config.recipe import (
    ChosenWeights as ChosenWeights,
    ComputeSettings as ComputeSettings,
    EngineSettings as EngineSettings,
    Intensity as Intensity,
    Pairs as Pairs,
    Precision as Precision,
    RecipeSettings as RecipeSettings,
)
from gandl.config.representations import RepresentationSettings as RepresentationSettings
from gandl.config.run import (
    Config as Config,
    OmeZarrSettings as OmeZarrSettings,
)
from gandl.config.source import (
    SIMULATED as SIMULATED,
    Bbbc013Settings as Bbbc013Settings,
    Bbbc021Settings as Bbbc021Settings,
    Bbbc021Simulation as Bbbc021Simulation,
    CellLinesSettings as CellLinesSettings,
    CellLinesSimulation as CellLinesSimulation,
    ClassFoldersSettings as ClassFoldersSettings,
    Dataset as Dataset,
    PlatesSettings as PlatesSettings,
    RxRx1Settings as RxRx1Settings,
    RxRx19aSettings as RxRx19aSettings,
    SimulationSettings as SimulationSettings,
    SourceSettings as SourceSettings,
)
from gandl.config.stages import (
    COUNTERPARTS as COUNTERPARTS,
    CYTOGAN as CYTOGAN,
    NEED_NUCLEI as NEED_NUCLEI,
    RXRX_ONLY as RXRX_ONLY,
    TRAINED as TRAINED,
    Activation as Activation,
    BlockStatistic as BlockStatistic,
    CellMeasurementsSettings as CellMeasurementsSettings,
    EmbeddingsSettings as EmbeddingsSettings,
    EvaluationSettings as EvaluationSettings,
    FeaturizerName as FeaturizerName,
    FiguresSettings as FiguresSettings,
    ImageNetNetwork as ImageNetNetwork,
    ImageNetSettings as ImageNetSettings,
    ImagesSettings as ImagesSettings,
    MeasurementGroup as MeasurementGroup,
    QuestionName as QuestionName,
    SegmentationSettings as SegmentationSettings,
    Weights as Weights,
    floors_among as floors_among,
)
from gandl.config.training import (
    Augmentation as Augmentation,
    AugmentationSettings as AugmentationSettings,
    GanEngineSettings as GanEngineSettings,
    GeneratorKind as GeneratorKind,
    GradientEstimate as GradientEstimate,
    Loss as Loss,
    NetworkSettings as NetworkSettings,
    TrainingSettings as TrainingSettings,
)
from gandl.config.types import (
    Aggregate as Aggregate,
    ImagesFrom as ImagesFrom,
    Projection as Projection,
    Scaling as Scaling,
    Wells as Wells,
)

__all__ = ["check", "comparison", "comparison_terms", "cytogan", "files", "representations", "training"]
