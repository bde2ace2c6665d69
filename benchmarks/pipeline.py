"""The input pipeline against one of TensorFlow's own operations that does the same."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tempfile
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf
from _rates import compare

from poseline import log
from poseline.config.models.config import Config
from poseline.data.keypoints import PERSON_17
from poseline.data.pipeline import TrainingSet
from poseline.data.synthetic.generate import generate
from poseline.data.yolo import Sample, list_samples
from poseline.stages import convert

PICTURES, BATCH, SIDE = 512, 32, 192
CONFIG = Config.model_validate(
    {
        "dataset": {"keypoints": 17},
        "conversion": {"path": "-"},
        "preprocessing": {"rescaling": {"scale": "1/127.5", "offset": -1}},
        "data_augmentation": [
            {"random_flip": {"mode": "horizontal"}},
            {"random_contrast": {"factor": 0.3}},
            {"random_brightness": {"factor": 0.2}},
        ],
    }
)


def main() -> None:
    log.configure("WARNING")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        source = generate(root / "coco", PICTURES, 1, size=(480, 480))
        converted = convert.run(CONFIG, {"source": source}, root / "yolo").out
        samples = list_samples(converted / "train")
        shape = (SIDE, SIDE, 3)
        kept = TrainingSet(samples, CONFIG, PERSON_17, shape, BATCH, 1)
        compare(
            f"input pipeline, 480x480 to {SIDE}x{SIDE}, batch of {BATCH}",
            {
                "operations of TensorFlow": lambda: through(plain(samples)),
                "poseline, pictures decoded": lambda: through(
                    TrainingSet(samples, CONFIG, PERSON_17, shape, BATCH, 1, cache_bytes=0).batches(
                        0
                    )
                ),
                "poseline, from its second epoch on": lambda: through(kept.batches(1)),
            },
        )


def plain(samples: Sequence[Sample]) -> tf.data.Dataset:
    """Decode, resize, flip, contrast, brightness by tf.image; its keypoints are not moved along."""

    def load(path: tf.Tensor) -> tf.Tensor:
        image = tf.io.decode_jpeg(tf.io.read_file(path), 3, dct_method="INTEGER_ACCURATE")
        image = tf.image.resize(image, (SIDE, SIDE))
        image = tf.image.random_flip_left_right(image)
        image = tf.image.random_contrast(image, 0.7, 1.3)
        image = tf.image.random_brightness(image, 51.0)
        return tf.clip_by_value(image, 0, 255) / 127.5 - 1

    paths = tf.data.Dataset.from_tensor_slices([str(sample.image) for sample in samples])
    shuffled = paths.shuffle(len(samples)).map(load, tf.data.AUTOTUNE)
    return shuffled.batch(BATCH, drop_remainder=True).prefetch(2)


def through(batches: tf.data.Dataset) -> int:
    return sum(int((batch[0] if isinstance(batch, tuple) else batch).shape[0]) for batch in batches)


if __name__ == "__main__":
    main()
