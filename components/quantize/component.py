"""quantize: a float model and calibration pictures in, an int8 model out."""

from kfp.dsl import HTML, Input, Metrics, Model, Output

from poseline_kfp.components.declared import component


@component("ml")
def quantize(
    config: str,
    inputs: str,
    run: str,
    model: Input[Model],
    quantized: Output[Model],
    metrics: Output[Metrics],
    page: Output[HTML],
) -> None:
    """Quantize a model to int8, after training.

    Args:
        config: The quantize slice of the config.
        inputs: URI of the calibration set, from `dataset-convert`.
        run: Where the run is tracked, from `resolve`.
        model: The float model.
        quantized: Folder of the int8 model and its report by layer.
        metrics: Sizes in KB, and how many pictures calibrated it.
        page: The layers that lost most.
    """
    from poseline.tasks import entrypoints

    entrypoints.quantize(config, inputs, run, model, quantized, metrics, page)
