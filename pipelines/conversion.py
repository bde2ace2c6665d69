"""conversion: a set converted and packed in parts, each by a task of its own."""

from typing import Any

from kfp import dsl

from poseline_kfp.pipelines import builder, command, form


@dsl.pipeline(
    name="poseline-conversion",
    display_name="Conversion: convert and pack a data set in parts",
)
@form.asks("dataset", "output", "parts", "pose", "keypoints", "category", config=None)
def pipeline(**given: Any) -> None:
    """A large COCO or YOLO-pose set, once for many trainings: shards that every chain reads."""
    builder.conversion(**given)


if __name__ == "__main__":
    command.main("conversion")
