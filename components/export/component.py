"""export: a model in, code for a firmware project out."""

from kfp.dsl import HTML, Artifact, Input, Model, Output

from poseline_kfp.components.declared import component


@component("ml")
def export(
    config: str,
    run: str,
    model: Input[Model],
    exported: Output[Artifact],
    page: Output[HTML],
) -> None:
    """Write C99 around a model, TFLM's resolver, a self-test, and how to build them.

    Where the config asks for no export, there is none, and `page` says so. No board is flashed.

    Args:
        config: The export slice of the config; empty: nothing is asked.
        run: Where the run is tracked, from `resolve`.
        model: The model, a .tflite or a Keras one.
        exported: The folder and its archive.
        page: What the firmware gets.
    """
    from poseline.tasks import entrypoints

    entrypoints.export(config, run, model, exported, page)
