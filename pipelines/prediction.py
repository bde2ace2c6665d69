"""prediction: annotate pictures."""

from typing import Any

from kfp import dsl

from poseline_kfp.pipelines import builder, command, form


@dsl.pipeline(
    name="poseline-prediction",
    display_name="Annotate pictures",
)
@form.asks("images", "model", "keypoints")
def pipeline(**given: Any) -> None:
    """The poses that a model sees, drawn on pictures, and as COCO results."""
    builder.chain("prediction", **given)


if __name__ == "__main__":
    command.main("prediction")
