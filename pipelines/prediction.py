"""prediction: annotate pictures."""

from kfp import dsl

from poseline_kfp.pipelines import builder, command, form


@dsl.pipeline(
    name="poseline-prediction",
    display_name="Annotate pictures",
)
@form.documented
def pipeline(
    config: str = form.CONFIG,
    images: str = "",
    model: str = "",
    keypoints: int = 0,
) -> None:
    """The poses that a model sees, drawn on pictures, and as COCO results."""
    builder.chain("prediction", **locals())


if __name__ == "__main__":
    command.main("prediction")
