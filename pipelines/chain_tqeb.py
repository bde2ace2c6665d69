"""chain_tqeb: train, quantize, evaluate, benchmark."""

from kfp import dsl

from poseline_kfp.pipelines import builder, command, form


@dsl.pipeline(
    name="poseline-chain-tqeb",
    display_name="Train, quantize, evaluate, benchmark",
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
    board: str = "",
) -> None:
    """From a data set to an int8 pose model, its accuracy and its fit on a board."""
    builder.chain("chain_tqeb", **locals())


if __name__ == "__main__":
    command.main("chain_tqeb")
