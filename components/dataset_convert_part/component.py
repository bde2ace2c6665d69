"""dataset-convert-part: one part of a set in, its shards where training reads them."""

from poseline_kfp.components.declared import component


@component("ml")
def dataset_convert_part(share: str) -> None:
    """Convert one part of a set, and put its shards and their record beside those of the others.

    The record comes last: a part that died has none, and is made again alone.

    Args:
        share: What is to be converted, from `dataset-split`.
    """
    from poseline.tasks import entrypoints

    entrypoints.convert_part(share)
