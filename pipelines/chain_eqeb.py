"""chain_eqeb: evaluate, quantize, evaluate, benchmark."""

from kfp import dsl

from poseline_kfp.pipelines import builder, command, form


@dsl.pipeline(
    name="poseline-chain-eqeb",
    display_name="Evaluate, quantize, evaluate, benchmark",
)
@form.documented
def pipeline(
    config: str = form.CONFIG,
    dataset: str = "",
    model: str = "",
    keypoints: int = 0,
    board: str = "",
) -> None:
    """What quantization costs a model of your own, and its fit on a board."""
    builder.chain("chain_eqeb", **locals())


if __name__ == "__main__":
    command.main("chain_eqeb")
