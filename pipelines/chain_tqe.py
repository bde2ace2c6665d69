"""chain_tqe: train, quantize, evaluate."""

from kfp import dsl

from poseline_kfp.pipelines import builder, command, form


@dsl.pipeline(
    name="poseline-chain-tqe",
    display_name="Train, quantize, evaluate",
)
@form.documented
def pipeline(
    config: str = form.CONFIG,
    dataset: str = "",
    keypoints: int = 0,
    alpha: float = 0.0,
    input_size: int = 0,
    epochs: int = 0,
    batch_size: int = 0,
    learning_rate: float = 0.0,
) -> None:
    """From a data set to an int8 pose model and what quantization costs."""
    builder.chain("chain_tqe", **locals())


if __name__ == "__main__":
    command.main("chain_tqe")
