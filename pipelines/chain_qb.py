"""chain_qb: quantize, benchmark."""

from typing import Any

from kfp import dsl

from poseline_kfp.pipelines import builder, command, form


@dsl.pipeline(
    name="poseline-chain-qb",
    display_name="Quantize, benchmark",
)
@form.asks("dataset", "model", "keypoints", "board")
def pipeline(**given: Any) -> None:
    """A model of your own as int8, and its fit on a board."""
    builder.chain("chain_qb", **given)


if __name__ == "__main__":
    command.main("chain_qb")
