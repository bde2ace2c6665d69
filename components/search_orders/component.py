"""search-orders: what each worker of a search is told, once the data set is converted."""

from kfp.dsl import Artifact, Output

from poseline_kfp.components.declared import component


@component("pipelines")
def search_orders(
    config: str,
    workers: int,
    inputs: str,
    trials: Output[Artifact],
) -> list[str]:
    """Say what each worker does, with the data set that is read by all of them.

    Args:
        config: From `search-plan`.
        workers: How many tasks search.
        inputs: What a training reads, from `dataset-convert`.
        trials: Where the workers put the trials that are measured.

    Returns:
        What each worker is told.
    """
    from poseline.tasks import entrypoints

    return entrypoints.order_search(config, workers, inputs, trials)
