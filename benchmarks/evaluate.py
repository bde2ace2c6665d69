"""Inference of a whole batch against picture by picture, float and int8."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tempfile
from pathlib import Path

import numpy as np
from _rates import Work, compare

from poseline.config.models.quantization import Quantization
from poseline.config.models.training import Model
from poseline.models.movenet import build
from poseline.quantization.registry import quantizer_for
from poseline.quantization.source import Source
from poseline.runtime import Runtime, open_model

PICTURES, SIDE = 64, 192


def main() -> None:
    images = np.random.default_rng(1).uniform(-1, 1, (PICTURES, SIDE, SIDE, 3)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        saved, quantized = Path(folder) / "model.keras", Path(folder) / "model.tflite"
        shape = (SIDE, SIDE, 3)
        build(Model(alpha=0.35, input_shape=shape, pretrained_weights=None), 17).save(saved)
        settings = Quantization()
        tool = quantizer_for(settings, saved)
        quantized.write_bytes(
            tool.quantize(Source(saved), lambda: (p[None] for p in images[:8]), settings)
        )
        keras, litert = open_model(saved), open_model(quantized)
        compare(
            f"inference, {SIDE}x{SIDE}",
            {
                "Keras, picture by picture": batches(keras, images, 1),
                "Keras, batches of 32": batches(keras, images, 32),
                "LiteRT int8, one thread": batches(litert, images, 32),
            },
        )


def batches(runtime: Runtime, images: np.ndarray, size: int) -> Work:
    def work() -> int:
        for start in range(0, len(images), size):
            runtime.predict(images[start : start + size])
        return len(images)

    return work


if __name__ == "__main__":
    main()
