"""evaluate: a model and a test set in, OKS, AP and PCK out."""

from kfp.dsl import HTML, Artifact, Input, Metrics, Model, Output

from poseline_kfp.components.declared import component


@component("ml")
def evaluate(
    step: str,
    config: str,
    inputs: str,
    run: str,
    model: Input[Model],
    evaluation: Output[Artifact],
    metrics: Output[Metrics],
    page: Output[HTML],
) -> str:
    """Measure the accuracy of a model.

    Args:
        step: `evaluate-float` or `evaluate-int8`: which of a chain's models it is.
        config: The evaluate slice of the config.
        inputs: URI of the test set, from `dataset-convert`.
        run: Where the run is tracked, from `resolve`.
        model: The model, of any format.
        evaluation: Folder of the predictions (COCO results) and plots.
        metrics: OKS, AP, AR and PCK.
        page: The figures by keypoint, and plots.

    Returns:
        The figures, for `gate` and `compare`.
    """
    from poseline.tasks import entrypoints

    return entrypoints.evaluate(step, config, inputs, run, model, evaluation, metrics, page)
