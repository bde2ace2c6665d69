"""What is made of the pipelines and components: compiled packages, READMEs."""

from collections.abc import Callable, Mapping
from importlib import import_module

from poseline_kfp.components.readme import readme
from poseline_kfp.pipelines.builder import package

PIPELINES = (
    "chain_tqe",
    "chain_tqeb",
    "chain_eqe",
    "chain_eqeb",
    "chain_qb",
    "chain_qd",
    "prediction",
    "sweep",
    "conversion",
    "search",
)
COMPONENTS = (
    "resolve",
    "dataset_convert",
    "dataset_split",
    "dataset_convert_part",
    "dataset_join",
    "import_model",
    "search_plan",
    "search_orders",
    "search_worker",
    "search_result",
    "train",
    "quantize",
    "evaluate",
    "predict",
    "benchmark",
    "export",
    "gate",
    "compare",
    "finish",
)


def _package(name: str) -> str:
    return package(import_module(f"poseline_kfp.pipelines.{name}").pipeline)


def _readme(name: str) -> str:
    return readme(getattr(import_module(f"poseline_kfp.components.{name}.component"), name))


OUTPUTS: Mapping[str, Callable[[], str]] = {
    f"pipelines/compiled/{name}.yaml": lambda name=name: _package(name) for name in PIPELINES
} | {f"components/{name}/README.md": lambda name=name: _readme(name) for name in COMPONENTS}
"""Path in the project to what makes it; see `poseline.config.schema.generate.generate`."""
