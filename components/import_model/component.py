"""import-model: the model that a chain starts from, with its sidecar, as an artifact."""

from kfp.dsl import Model, Output

from poseline_kfp.components.declared import component


@component("ml")
def import_model(data: str, model: Output[Model]) -> None:
    """Bring `general.model_path` among the artifacts; cached by its content.

    Args:
        data: The model that is named, from `resolve`.
        model: Folder of the model and its sidecar.
    """
    from poseline.tasks import entrypoints

    entrypoints.import_model(data, model)
