"""chain_tqeb: train, quantize, evaluate, benchmark."""

from typing import Any

from kfp import dsl

from poseline_kfp.pipelines import builder, command, form


@dsl.pipeline(
    name="poseline-chain-tqeb",
    display_name="Train, quantize, evaluate, benchmark",
)
@form.asks(
    "dataset", "keypoints", "alpha", "input_size", "epochs", "batch_size", "learning_rate", "board"
)
def pipeline(**given: Any) -> None:
    """From a data set to an int8 pose model, its accuracy and its fit on a board."""
    builder.chain("chain_tqeb", **given)


if __name__ == "__main__":
    command.main("chain_tqeb")
