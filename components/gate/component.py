"""gate: figures in, whether the model is registered and why out."""

from kfp.dsl import Input, Markdown, Model, Output

from poseline_kfp.components.declared import component


@component("ml")
def gate(
    config: str,
    inputs: str,
    run: str,
    model: Input[Model],
    verdict: Output[Markdown],
    evaluate_float: str = "",
    evaluate_int8: str = "",
    benchmark: str = "",
) -> None:
    """Register a model in MLflow where it reaches what `gate` of the config asks.

    A model that does not is no error: the run ends well, and `verdict` says why.

    Args:
        config: The gate slice of the config; empty: nothing is asked.
        inputs: URI of the test set, from `dataset-convert`.
        run: Where the run is tracked, from `resolve`.
        model: The model that is judged.
        verdict: Each limit with what was found, and what became of the model.
        evaluate_float: Figures of the float model.
        evaluate_int8: Figures of the int8 model.
        benchmark: Figures of the boards.
    """
    from poseline.tasks import entrypoints

    judged = {
        "evaluate-float": evaluate_float,
        "evaluate-int8": evaluate_int8,
        "benchmark": benchmark,
    }
    entrypoints.gate(config, inputs, run, judged, model, verdict)
