"""resolve: check what a run was started with, and cut it into what each task depends on."""

from typing import Any, NamedTuple

from kfp import dsl

from poseline.kubeflow.platform import Images


@dsl.component(base_image=Images().pipelines, install_kfp_package=False)
def resolve(
    chain: str,
    config: str,
    dataset: str = "",
    model: str = "",
    keypoints: int = 0,
    alpha: float = 0.0,
    input_size: int = 0,
    epochs: int = 0,
    batch_size: int = 0,
    learning_rate: float = 0.0,
    board: str = "",
    images: str = "",
    variant: dict[str, Any] = {},  # noqa: B006
) -> NamedTuple(
    "Resolved",
    [
        ("convert", str),
        ("train", str),
        ("quantize", str),
        ("evaluate", str),
        ("predict", str),
        ("benchmark", str),
        ("gate", str),
        ("data", str),
        ("run", str),
    ],
):
    """Check the config and the data sets before anything costs time; nothing is fetched.

    Every fault of the config is listed at once, with what is accepted. What is entered beside the
    config wins over it; empty text and 0 leave it as it is.

    Args:
        chain: Name of the chain, such as chain_tqeb.
        config: The whole config as YAML.
        dataset: URI of a COCO set, of a set in YOLO Darknet format or of a packed one.
        model: URI of the model to start from.
        keypoints: Keypoints of a pose.
        alpha: Width of the backbone.
        input_size: Height and width of the input in px.
        epochs: Passes over the training set.
        batch_size: Pictures of one step.
        learning_rate: Of the optimizer.
        board: Board that the model is meant for.
        images: URI of pictures to annotate.
        variant: Further fields, of one pass of a sweep; they win over all else.

    Returns:
        data: The sets that are named, and what their content is known by.
        run: Where the run is tracked, and its models are put. All others: slices of the config.
    """
    from poseline.tasks import entrypoints

    form = {
        "dataset": dataset,
        "model": model,
        "keypoints": keypoints,
        "alpha": alpha,
        "input_size": input_size,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "board": board,
        "images": images,
    }
    return entrypoints.resolve(chain, config, form, variant)
