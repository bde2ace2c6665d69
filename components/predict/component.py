"""predict: a model and pictures in, annotated pictures out."""

from kfp.dsl import HTML, Artifact, Input, Model, Output

from poseline_kfp.components.declared import component


@component("ml")
def predict(
    config: str,
    inputs: str,
    run: str,
    model: Input[Model],
    poses: Output[Artifact],
    page: Output[HTML],
) -> None:
    """Draw the poses that a model sees.

    Args:
        config: The predict slice of the config.
        inputs: URI of the pictures, from `dataset-convert`.
        run: Where the run is tracked, from `resolve`.
        model: The model, of any format.
        poses: Folder of annotated pictures and COCO results.
        page: What was done.
    """
    from poseline.tasks import entrypoints

    entrypoints.predict(config, inputs, run, model, poses, page)
