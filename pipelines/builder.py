"""The graph of a chain, from the one plan of every runner: `poseline.config.models.steps.steps`."""

import copy
from collections.abc import Mapping
from typing import Any

import yaml
from google.protobuf import json_format
from kfp import dsl
from kfp.dsl import PipelineTask
from kfp.dsl.base_component import BaseComponent
from kfp.dsl.graph_component import GraphComponent

from poseline.config.models.config import CHAINS
from poseline.config.models.general import OperationMode
from poseline.config.models.steps import Step, steps
from poseline.kubeflow.package import configure
from poseline.kubeflow.platform import Platform
from poseline.names import BENCHMARK, EVALUATE_FLOAT, EVALUATE_INT8
from poseline.store.ownership import MARK
from poseline_kfp.components.benchmark.component import benchmark
from poseline_kfp.components.compare.component import compare
from poseline_kfp.components.dataset_convert.component import dataset_convert
from poseline_kfp.components.dataset_convert_part.component import dataset_convert_part
from poseline_kfp.components.dataset_join.component import dataset_join
from poseline_kfp.components.dataset_split.component import dataset_split
from poseline_kfp.components.evaluate.component import evaluate
from poseline_kfp.components.export.component import export
from poseline_kfp.components.finish.component import finish
from poseline_kfp.components.gate.component import gate
from poseline_kfp.components.import_model.component import import_model
from poseline_kfp.components.predict.component import predict
from poseline_kfp.components.quantize.component import quantize
from poseline_kfp.components.resolve.component import resolve
from poseline_kfp.components.search_orders.component import search_orders
from poseline_kfp.components.search_plan.component import search_plan
from poseline_kfp.components.search_result.component import search_result
from poseline_kfp.components.search_worker.component import search_worker
from poseline_kfp.components.train.component import train
from poseline_kfp.pipelines.form import SAYS

_TITLES = {
    "resolve": "Check the config",
    "dataset-convert": "Convert and pack the data set",
    "dataset-split": "Check the settings",
    "dataset-convert-part": "Convert and pack a part",
    "dataset-join": "Join the parts",
    "search-plan": "Check the search",
    "search-orders": "Share the search out",
    "search-worker": "Try candidates",
    "search-result": "Compare, and register the best",
    "import-model": "Import the model",
    "train": "Train",
    EVALUATE_FLOAT: "Evaluate the float model",
    "quantize": "Quantize to int8",
    EVALUATE_INT8: "Evaluate the int8 model",
    "predict": "Annotate the pictures",
    "benchmark": "Benchmark on the boards",
    "export": "Export the code for the board",
    "gate": "Gate and registry",
    "compare": "Compare the variants",
    "finish": "Write the final status",
}
_FIGURES = (EVALUATE_FLOAT, EVALUATE_INT8, BENCHMARK)

_AT_ONCE = 4  # variants
_PARTS_AT_ONCE = 16
_HEADER = f"# {MARK.decode()} from pipelines/; `make schema` makes it anew.\n"

Outputs = dict[str, Any]
"""Step to what later tasks want of it."""


def package(pipeline: GraphComponent, platform: Platform | None = None) -> str:
    """Return a compiled pipeline as the text that KFP takes; the same pipeline, the same bytes.

    KFP's own compiler writes defaults of several lines into a comment such that nothing can read
    the file again.

    Args:
        pipeline: A function under `dsl.pipeline`.
        platform: How its tasks run.
    """
    spec = _lean(json_format.MessageToDict(pipeline.pipeline_spec))
    return configure(_HEADER + yaml.safe_dump(spec), platform or Platform())


def _lean(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a pipeline without what only people read of a component: its README has that.

    Kubeflow copies component and command into every node of a task's part of the workflow, and
    loses sight of a workflow above 1 MiB.
    """
    for name, parameter in spec["root"]["inputDefinitions"]["parameters"].items():
        parameter["description"] = SAYS[name]
    for component in spec["components"].values():
        for side in ("inputDefinitions", "outputDefinitions"):
            for kind in component.get(side, {}).values():
                for one in kind.values():
                    one.pop("description", None)
    return spec


def chain(mode: OperationMode, **form: Any) -> None:
    """Build a chain, or one stage that needs a model, inside of a `dsl.pipeline` function.

    Args:
        mode: The mode.
        form: `config`, and the fields of the form that this chain has; pipeline parameters.
    """
    with _tracked(mode, form):
        asked, data = _begun(mode, form)
        figures, model = _stages(mode, asked, data)
        if not figures:
            return
        if "export" not in CHAINS[mode]:
            asked_for = {"config": asked.outputs["export"], "run": asked.outputs["run"]}
            _titled(export(model=model, **asked_for), "export")
        judged = {name.replace("-", "_"): value for name, value in figures.items()}
        task = gate(
            config=asked.outputs["gate"],
            inputs=data.outputs["evaluate"],
            run=asked.outputs["run"],
            model=model,
            **judged,
        )
        _titled(task.set_caching_options(False), "gate")  # the champion may be another one


def sweep(mode: OperationMode, variants: Any, **form: Any) -> None:
    """Build a chain for each of several variants, and a comparison of what they come to.

    Args:
        mode: The chain.
        variants: A list of fields each; a pipeline parameter.
        form: As in `chain`.
    """
    with _tracked(mode, form):
        _, converted = _begun(mode, form)
        with dsl.ParallelFor(variants, name="variants", parallelism=_AT_ONCE) as variant:
            # What was converted above is in the cache; it cannot be handed in, since KFP's local
            # runner puts the loop's item in the place of every parameter from outside.
            asked, data = _begun(mode, form, variant=variant)
            asked.after(converted)
            figures, _ = _stages(mode, asked, data)
        collected = {k.replace("-", "_"): dsl.Collected(v) for k, v in figures.items()}
        # Never from the cache: `finish` knows by it that all is done.
        _titled(compare(**collected).set_caching_options(False), "compare")


def conversion(**form: Any) -> None:
    """Build a conversion in parts.

    Args:
        form: As `dataset_split` takes it; pipeline parameters.
    """
    asked = _titled(dataset_split(**form).set_caching_options(False), "dataset-split")
    with dsl.ParallelFor(asked.output, name="parts", parallelism=_PARTS_AT_ONCE) as share:
        converted = _titled(dataset_convert_part(share=share), "dataset-convert-part")
    joined = dataset_join(shares=asked.output).set_caching_options(False).after(converted)
    _titled(joined, "dataset-join")


def search(**form: Any) -> None:
    """Build a search by several workers.

    Args:
        form: As `search_plan` takes it; pipeline parameters.
    """
    asked = _titled(search_plan(**form).set_caching_options(False), "search-plan")
    data = _converted(asked)
    orders = search_orders(
        config=asked.outputs["config"],
        workers=form["workers"],
        inputs=data.outputs["train"],
    )
    _titled(orders.set_caching_options(False), "search-orders")
    with dsl.ParallelFor(orders.outputs["Output"], name="workers") as order:
        worker = search_worker(order=order).set_caching_options(False)
        _titled(worker, "search-worker")
    result = search_result(orders=orders.outputs["Output"]).set_caching_options(False)
    _titled(result.after(worker), "search-result")


def _tracked(mode: OperationMode, form: Mapping[str, Any]) -> dsl.ExitHandler:
    """Return what reports to MLflow how the tasks inside of it ended."""
    last = finish(chain=mode, **form).set_caching_options(False)
    return dsl.ExitHandler(_titled(last, "finish"), name="chain")


def _begun(
    mode: OperationMode, form: Mapping[str, Any], **more: Any
) -> tuple[PipelineTask, PipelineTask]:
    """Add the tasks that every chain begins with; what was started is checked every time."""
    asked = resolve(chain=mode, **form, **more).set_caching_options(False)
    return _titled(asked, "resolve"), _converted(asked)


def _converted(asked: PipelineTask) -> PipelineTask:
    """Add the conversion that a task asks for."""
    data = dataset_convert(config=asked.outputs["convert"], data=asked.outputs["data"])
    return _titled(data, "dataset-convert")


def _stages(mode: OperationMode, asked: PipelineTask, data: PipelineTask) -> tuple[Outputs, Any]:
    """Add the stages of a chain.

    Args:
        mode: The chain.
        asked: The `resolve` task.
        data: The `dataset-convert` task.

    Returns:
        The figures of each evaluation and benchmark, and the last model.
    """
    models: dict[str | None, Any] = {}
    figures: Outputs = {}
    last: Any = None
    for step in steps(mode):
        if step.stage != "train" and step.model is None and None not in models:
            imported = import_model(data=asked.outputs["data"])
            models[None] = _titled(imported, "import-model").outputs["model"]
        given = {"config": asked.outputs[step.stage], "run": asked.outputs["run"]}
        if step.stage not in ("benchmark", "export"):
            given["inputs"] = data.outputs[step.stage]
        if step.stage != "train":
            given["model"] = last = models[step.model]
        task = _titled(_stage(step, given), step.name)
        if step.stage in ("train", "quantize"):
            key = "model" if step.stage == "train" else "quantized"
            models[step.name] = last = task.outputs[key]
        if step.name in _FIGURES:
            figures[step.name] = task.outputs["Output"]
    return figures, last


def _stage(step: Step, given: Mapping[str, Any]) -> PipelineTask:
    if step.stage == "evaluate":
        return _named(evaluate, step.name)(step=step.name, **given)
    stages = {
        "train": train,
        "quantize": quantize,
        "benchmark": benchmark,
        "export": export,
        "predict": predict,
    }
    return stages[step.stage](**given)


def _named(component: BaseComponent, name: str) -> BaseComponent:
    """Return a component under another name, so that two tasks of it keep their files apart."""
    made = copy.copy(component)
    made.component_spec = copy.deepcopy(component.component_spec)
    made.component_spec.name = name
    return made


def _titled(task: PipelineTask, name: str) -> PipelineTask:
    return task.set_display_name(_TITLES[name])
