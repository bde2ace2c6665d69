"""sweep: chain_tqeb for each of several variants, and a comparison."""

from typing import Any

from kfp import dsl

from poseline_kfp.pipelines import builder, command, form


@dsl.pipeline(
    name="poseline-sweep",
    display_name="Sweep: train, quantize, evaluate, benchmark and compare",
)
@form.documented
def pipeline(
    config: str = form.CONFIG,
    dataset: str = "",
    variants: list[dict[str, Any]] = form.VARIANTS,
    keypoints: int = 0,
    epochs: int = 0,
    batch_size: int = 0,
    learning_rate: float = 0.0,
    board: str = "",
) -> None:
    """Several models on one data set: accuracy against flash and latency, the best ones marked."""
    fields = {k: v for k, v in locals().items() if k != "variants"}
    builder.sweep("chain_tqeb", variants, **fields)


if __name__ == "__main__":
    command.main("sweep")
