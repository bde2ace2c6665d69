"""benchmark: a model in, its latency here and its fit on the boards out."""

from kfp.dsl import HTML, Artifact, Input, Metrics, Model, Output

from poseline_kfp.components.declared import component


@component("ml")
def benchmark(
    config: str,
    run: str,
    model: Input[Model],
    figures: Output[Artifact],
    metrics: Output[Metrics],
    page: Output[HTML],
) -> str:
    """Measure a model in the pod, and estimate flash, RAM and latency on every board.

    Args:
        config: The benchmark slice of the config.
        run: Where the run is tracked, from `resolve`.
        model: The model, of any format.
        figures: Folder of the figures and their plot.
        metrics: Flash and RAM in KB, latency in ms, and whether it fits (1 or 0).
        page: A row for each board.

    Returns:
        The figures, for `gate` and `compare`.
    """
    from poseline.tasks import entrypoints

    return entrypoints.benchmark(config, run, model, figures, metrics, page)
