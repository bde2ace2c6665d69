"""dataset-join: the parts of a set in, one packed set out."""

from kfp.dsl import Dataset, Output

from poseline_kfp.components.declared import component


@component("ml")
def dataset_join(shares: list[str], dataset: Output[Dataset]) -> str:
    """Write the index of a set whose parts are all there.

    Args:
        shares: What was converted, from `dataset-split`.
        dataset: What the set came to: pictures that were kept, and that were left out by reason.

    Returns:
        Where the set is: what a chain takes as its `dataset`.
    """
    from poseline.tasks import entrypoints

    return entrypoints.join(shares, dataset)
