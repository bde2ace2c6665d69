"""sweep: chain_tqeb for each of several variants, and a comparison."""

from typing import Any

from kfp import dsl

from poseline_kfp.pipelines import builder, command, form


@dsl.pipeline(
    name="poseline-sweep",
    display_name="Sweep: train, quantize, evaluate, benchmark and compare",
)
@form.asks("dataset", "variants", "keypoints", "epochs", "batch_size", "learning_rate", "board")
def pipeline(variants: Any, **given: Any) -> None:
    """Several models on one data set: accuracy against flash and latency, the best ones marked."""
    builder.sweep("chain_tqeb", variants, **given)


if __name__ == "__main__":
    command.main("sweep")
