"""chain_eqeb: evaluate, quantize, evaluate, benchmark."""

from typing import Any

from kfp import dsl

from poseline_kfp.pipelines import builder, command, form


@dsl.pipeline(
    name="poseline-chain-eqeb",
    display_name="Evaluate, quantize, evaluate, benchmark",
)
@form.asks("dataset", "model", "keypoints", "board")
def pipeline(**given: Any) -> None:
    """What quantization costs a model of your own, and its fit on a board."""
    builder.chain("chain_eqeb", **given)


if __name__ == "__main__":
    command.main("chain_eqeb")
