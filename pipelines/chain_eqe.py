"""chain_eqe: evaluate, quantize, evaluate."""

from kfp import dsl

from poseline_kfp.pipelines import builder, command, form


@dsl.pipeline(
    name="poseline-chain-eqe",
    display_name="Evaluate, quantize, evaluate",
)
@form.documented
def pipeline(
    config: str = form.CONFIG,
    dataset: str = "",
    model: str = "",
    keypoints: int = 0,
) -> None:
    """What quantization costs a model of your own."""
    builder.chain("chain_eqe", **locals())


if __name__ == "__main__":
    command.main("chain_eqe")
