"""A training step as Keras makes it on TensorFlow as it comes, against ours, in turn.

Each side has processes of its own, since the settings of TensorFlow are those of a process.
Two limits stand beside them. Of arithmetic: the products of a step, three times those of inference,
at the rate of this processor's matrix product. Of memory: what each layer puts out is written and
read once forward, and once more read, and its gradient written and read, backward, at the rate at
which this memory copies.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

ROUNDS, STEPS = 3, 6
CASES = ((128, 16, 0.35), (192, 32, 0.35), (192, 64, 0.35), (192, 32, 1.0))
SIDES = ("Keras fit", "poseline")
FURTHER = {
    "poseline, bfloat16": {"precision": "mixed_bfloat16"},
    "poseline, XLA": {"jit_compile": True},
}
"""What `training.precision` and `training.jit_compile` change, for the first case alone."""


def main() -> None:
    if len(sys.argv) > 1:
        side, size, batch, alpha = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
        if side == "limits":
            limits(size, float(alpha))
        else:
            measure(side, size, batch, float(alpha))
        return
    for number, (size, batch, alpha) in enumerate(CASES):
        sides = SIDES if number else (*SIDES, *FURTHER)
        print(f"training, {size}x{size}, batch of {batch}, alpha {alpha}")
        found: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
        for _ in range(ROUNDS):
            for side in sides:
                command = [sys.executable, __file__, side, str(size), str(batch), str(alpha)]
                answer = subprocess.run(command, check=True, capture_output=True, text=True)
                wall, cpu = map(float, answer.stdout.split()[-2:])
                found[side].append((wall, cpu))
        first = found[sides[0]]
        for side, times in found.items():
            walls, cpus = ([t[i] for t in times] for i in (0, 1))
            ratios = [median(t[i] for t in first) / median(t[i] for t in times) for i in (0, 1)]
            print(
                f"  {side:20}{median(walls):8.1f} ms wall ({min(walls):.1f} to {max(walls):.1f}) "
                f"{median(cpus):8.1f} ms CPU a picture; {ratios[0]:.2f} times as fast, "
                f"{ratios[1]:.2f} by CPU"
            )
        answer = subprocess.run(
            [sys.executable, __file__, "limits", str(size), str(batch), str(alpha)],
            check=True,
            capture_output=True,
            text=True,
        )
        print(answer.stdout, end="")


def limits(size: int, alpha: float) -> None:
    """Print the least milliseconds a picture, by arithmetic and by memory."""
    import numpy as np
    import tensorflow as tf

    from poseline.boards.layers import read_layers
    from poseline.config.models.training import Model
    from poseline.models.movenet import build

    spec = Model(alpha=alpha, input_shape=(size, size, 3), pretrained_weights=None)
    model = build(spec, 13)
    with tempfile.TemporaryDirectory() as folder:
        model.save(path := Path(folder) / "model.keras")
        operations = 6 * sum(layer.macc or 0 for layer in read_layers(path))
    values = sum(float(np.prod(layer.output.shape[1:])) for layer in model.layers[1:])
    for name, kind in (("float32", tf.float32), ("bfloat16", tf.bfloat16)):
        matrix = tf.cast(tf.random.uniform((1536, 1536)), kind)
        product = tf.function(lambda matrix=matrix: tf.reduce_sum(matrix @ matrix))
        rate = 2 * 1536**3 / fastest(lambda product=product: float(product()))
        print(
            f"  limit of arithmetic, {name}: {operations / rate * 1e3:.1f} ms a picture "
            f"({operations / 1e9:.2f} GFLOP at {rate / 1e9:.0f} GFLOP/s)"
        )
    source = np.ones(2**26, np.float32)
    target = np.empty_like(source)
    rate = 2 * source.nbytes / fastest(lambda: np.copyto(target, source))
    moved = 5 * 4 * values
    print(
        f"  limit of memory, no layers merged: {moved / rate * 1e3:.1f} ms a picture "
        f"({moved / 1e6:.0f} MB at {rate / 1e9:.1f} GB/s)"
    )


def fastest(work: Callable[[], object]) -> float:
    """Return the seconds of the fastest of several goes."""
    seconds = []
    for _ in range(7):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def measure(side: str, size: int, batch: int, alpha: float) -> None:
    """Print the wall and CPU milliseconds that one side takes for a picture."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    if side == "Keras fit":
        import tensorflow as tf  # before poseline sets it up

    from poseline.config.models.general import General
    from poseline.training.tensorflow_setup import prepare

    if side != SIDES[0]:
        prepare(General(), batch * size**2)
    import keras
    import tensorflow as tf

    from poseline.config.models.training import Heatmaps, Model
    from poseline.models.movenet import build
    from poseline.training.fast_model import make_twin
    from poseline.training.loss import heatmap_loss
    from poseline.training.trainer import Trainer

    images = tf.random.uniform((batch, size, size, 3), -1, 1)
    labels = tf.random.uniform((batch, 14, 3))
    shape = (size, size, 3)
    spec = Model(
        alpha=alpha, input_shape=shape, pretrained_weights=None, final_activation="sigmoid"
    )
    model = build(spec, 13)
    if side == "Keras fit":
        loss = lambda known, heatmaps: heatmap_loss(heatmaps, known, Heatmaps())  # noqa: E731
        model.compile("adam", loss=loss, jit_compile=False)
        data = tf.data.Dataset.from_tensors((images, labels)).repeat(STEPS)

        def work() -> None:
            model.fit(data, verbose=0)

    else:
        twin = make_twin(model, 100)
        twin.compile(keras.optimizers.Adam(), loss="mse")
        trainer = Trainer(
            model, twin, Heatmaps(), "dark", "fit", (0.05,) * 13, [], **FURTHER.get(side, {})
        )

        def work() -> None:
            for _ in range(STEPS):
                found = trainer.step(images, labels)
            float(found)

    work()
    wall, cpu = time.perf_counter(), _cpu()
    work()
    pictures = STEPS * batch / 1000
    print((time.perf_counter() - wall) / pictures, (_cpu() - cpu) / pictures)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
