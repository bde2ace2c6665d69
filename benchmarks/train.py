"""A training step of Keras' own fit against ours, side by side in one run."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import time
from collections.abc import Callable

import keras
import tensorflow as tf

from poseline.config.training import Heatmaps, Model
from poseline.models.movenet import build
from poseline.training.loss import heatmap_loss
from poseline.training.trainer import Trainer
from poseline.training.twin import make_twin

BATCH, SIDE, STEPS = 32, 128, 8


def rate(step: Callable[[], object]) -> float:
    """Return pictures per second: the best of three rounds after one to warm up."""
    step()
    best = 0.0
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(STEPS):
            step()
        best = max(best, STEPS * BATCH / (time.perf_counter() - start))
    return best


def main() -> None:
    model = build(Model(alpha=0.35, input_shape=(SIDE, SIDE, 3), pretrained_weights=None), 17)
    images = tf.random.uniform((BATCH, SIDE, SIDE, 3))
    labels = tf.random.uniform((BATCH, 18, 3))
    settings = Heatmaps()
    naive = keras.models.clone_model(model)
    naive.compile("adam", loss=lambda y, h: heatmap_loss(h, y, settings), jit_compile=False)
    twin = make_twin(model, 100)
    twin.compile(keras.optimizers.Adam(), loss="mse")
    twin.optimizer.build(twin.trainable_variables)
    ours = Trainer(model, twin, settings, "quadratic", "fit", (0.05,) * 17, [])
    ours._compile()
    rates = {
        "Keras train_on_batch": rate(lambda: naive.train_on_batch(images, labels)),
        "poseline": rate(lambda: float(ours._step(images, labels))),
    }
    for name, value in rates.items():
        print(f"{name:<22}{value:8.0f} pictures/s")
    print(f"{'ratio':<22}{rates['poseline'] / rates['Keras train_on_batch']:8.2f}")


if __name__ == "__main__":
    main()
