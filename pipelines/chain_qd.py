"""chain_qd: quantize, export the code for a firmware project."""

from typing import Any

from kfp import dsl

from poseline_kfp.pipelines import builder, command, form


@dsl.pipeline(
    name="poseline-chain-qd",
    display_name="Quantize, export the code",
)
@form.asks("dataset", "model", "keypoints", "board")
def pipeline(**given: Any) -> None:
    """A model of your own as int8, and the code for a firmware project."""
    builder.chain("chain_qd", **given)


if __name__ == "__main__":
    command.main("chain_qd")
