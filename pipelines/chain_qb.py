"""chain_qb: quantize, benchmark."""

from kfp import dsl

from poseline_kfp.pipelines import builder, command, form


@dsl.pipeline(
    name="poseline-chain-qb",
    display_name="Quantize, benchmark",
)
@form.documented
def pipeline(
    config: str = form.CONFIG,
    dataset: str = "",
    model: str = "",
    keypoints: int = 0,
    board: str = "",
) -> None:
    """A model of your own as int8, and its fit on a board."""
    builder.chain("chain_qb", **locals())


if __name__ == "__main__":
    command.main("chain_qb")
