"""dataset-convert: a COCO set in, packed shards out; any other set is passed on."""

from typing import NamedTuple

from kfp.dsl import Dataset, Output

from poseline_kfp.components.declared import component


@component("ml")
def dataset_convert(
    config: str,
    data: str,
    dataset: Output[Dataset],
) -> NamedTuple(
    "Inputs",
    [("train", str), ("quantize", str), ("evaluate", str), ("predict", str)],
):
    """Convert a COCO set and pack it into shards that training reads while they arrive.

    A set in YOLO Darknet format or a packed one is passed on as it is. The result is cached by
    the content of the set, as it was listed.

    Args:
        config: The convert slice of the config.
        data: The sets that are named, from `resolve`.
        dataset: The shards, or only their indices where `conversion.outputdir` is on S3.

    Returns:
        train: URIs of what `train` reads.
        quantize: URIs of what `quantize` reads.
        evaluate: URIs of what `evaluate` reads.
        predict: URIs of what `predict` reads.
    """
    from poseline.tasks import entrypoints

    return entrypoints.convert(config, data, dataset)
