"""A training step as Keras makes it on TensorFlow as it comes, against ours, in turn.

Each side has processes of its own, since the settings of TensorFlow are those of a process.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from statistics import median

ROUNDS, STEPS = 3, 6
CASES = ((128, 16, 0.35), (192, 32, 0.35), (192, 32, 1.0))
SIDES = ("Keras fit", "poseline")


def main() -> None:
    if len(sys.argv) > 1:
        side, size, batch, alpha = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
        measure(side, size, batch, float(alpha))
        return
    for size, batch, alpha in CASES:
        print(f"training, {size}x{size}, batch of {batch}, alpha {alpha}")
        found: dict[str, list[tuple[float, float]]] = {side: [] for side in SIDES}
        for _ in range(ROUNDS):
            for side in SIDES:
                command = [sys.executable, __file__, side, str(size), str(batch), str(alpha)]
                answer = subprocess.run(command, check=True, capture_output=True, text=True)
                wall, cpu = map(float, answer.stdout.split()[-2:])
                found[side].append((wall, cpu))
        first = found[SIDES[0]]
        for side, times in found.items():
            walls, cpus = ([t[i] for t in times] for i in (0, 1))
            ratios = [median(t[i] for t in first) / median(t[i] for t in times) for i in (0, 1)]
            print(
                f"  {side:12}{median(walls):8.1f} ms wall ({min(walls):.1f} to {max(walls):.1f}) "
                f"{median(cpus):8.1f} ms CPU a picture; {ratios[0]:.2f} times as fast, "
                f"{ratios[1]:.2f} by CPU"
            )


def measure(side: str, size: int, batch: int, alpha: float) -> None:
    """Print the wall and CPU milliseconds that one side takes for a picture."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    if side == "Keras fit":
        import tensorflow as tf  # before poseline sets it up

    from poseline.config.models.general import General
    from poseline.training.tensorflow_setup import prepare

    if side == "poseline":
        prepare(General())
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
        trainer = Trainer(model, twin, Heatmaps(), "dark", "fit", (0.05,) * 13, [])

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
