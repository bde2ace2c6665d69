"""chain_tqe: train, quantize, evaluate."""

from typing import Any

from kfp import dsl

from poseline_kfp.pipelines import builder, command, form


@dsl.pipeline(
    name="poseline-chain-tqe",
    display_name="Train, quantize, evaluate",
)
@form.asks("dataset", "keypoints", "alpha", "input_size", "epochs", "batch_size", "learning_rate")
def pipeline(**given: Any) -> None:
    """From a data set to an int8 pose model and what quantization costs."""
    builder.chain("chain_tqe", **given)


if __name__ == "__main__":
    command.main("chain_tqe")
