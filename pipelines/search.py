"""search: several workers look for the models that are best within a board's budget."""

from typing import Any

from kfp import dsl

from poseline_kfp.pipelines import builder, command, form


@dsl.pipeline(
    name="poseline-search",
    display_name="Search: the best models that a board can run",
)
@form.asks(
    *("dataset", "keypoints", "epochs", "batch_size", "learning_rate", "board", "workers"),
    config=form.SEARCH,
)
def pipeline(**given: Any) -> None:
    """What the config's section `search` varies, tried by workers that share one storage."""
    builder.search(**given)


if __name__ == "__main__":
    command.main("search")
