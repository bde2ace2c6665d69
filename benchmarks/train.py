"""Steps of Keras' own training against ours, on the same model, pictures and optimizer."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from _rates import Work, compare

from poseline.config.models.training import Heatmaps, Model
from poseline.models.movenet import build
from poseline.training.fast_model import make_twin
from poseline.training.loss import heatmap_loss
from poseline.training.trainer import Trainer

STEPS = 4
SETTINGS = Heatmaps()


def main() -> None:
    for side, batch in ((128, 16), (192, 32)):
        images = tf.random.uniform((batch, side, side, 3), -1, 1)
        labels = tf.random.uniform((batch, 18, 3))
        model = build(Model(alpha=0.35, input_shape=(side, side, 3), pretrained_weights=None), 17)
        data = tf.data.Dataset.from_tensors((images, labels)).repeat(STEPS)
        compare(
            f"training step, {side}x{side}, batch of {batch}",
            {
                "Keras fit": keras_fit(model, data, batch),
                "poseline": poseline_steps(model, images, labels),
            },
        )


def keras_fit(model: keras.Model, data: tf.data.Dataset, batch: int) -> Work:
    naive = keras.models.clone_model(model)
    loss = lambda labels, heatmaps: heatmap_loss(heatmaps, labels, SETTINGS)  # noqa: E731
    naive.compile("adam", loss=loss, jit_compile=False)

    def work() -> int:
        naive.fit(data, verbose=0)
        return STEPS * batch

    return work


def poseline_steps(model: keras.Model, images: tf.Tensor, labels: tf.Tensor) -> Work:
    twin = make_twin(model, 100)
    twin.compile(keras.optimizers.Adam(), loss="mse")
    trainer = Trainer(model, twin, SETTINGS, "quadratic", "fit", (0.05,) * 17, [])

    def work() -> int:
        for _ in range(STEPS):
            loss = trainer.step(images, labels)
        float(loss)
        return STEPS * len(images)

    return work


if __name__ == "__main__":
    main()
