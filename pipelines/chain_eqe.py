"""chain_eqe: evaluate, quantize, evaluate."""

from typing import Any

from kfp import dsl

from poseline_kfp.pipelines import builder, command, form


@dsl.pipeline(
    name="poseline-chain-eqe",
    display_name="Evaluate, quantize, evaluate",
)
@form.asks("dataset", "model", "keypoints")
def pipeline(**given: Any) -> None:
    """What quantization costs a model of your own."""
    builder.chain("chain_eqe", **given)


if __name__ == "__main__":
    command.main("chain_eqe")
