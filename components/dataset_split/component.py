"""dataset-split: what each of several tasks converts of one set."""

from poseline_kfp.components.declared import component


@component("pipelines")
def dataset_split(
    dataset: str,
    output: str,
    parts: int,
    pose: str,
    keypoints: int,
    category: str,
) -> list[str]:
    """Check the settings of a conversion, and cut it into parts; nothing is fetched.

    Args:
        dataset: Where the set is, such as s3://bucket/coco.
        output: Where the shards are put, such as s3://bucket/people.
        parts: How many tasks convert it.
        pose: `single` keeps pictures of exactly one person, `multi` all with at least one.
        keypoints: Keypoints of a pose; 0: those that the set defines.
        category: Name or id of the category; empty: the one that has keypoints.

    Returns:
        A share of the work for each task.
    """
    from poseline.tasks import entrypoints

    return entrypoints.split(dataset, output, parts, pose, keypoints, category)
