"""Models of a few kilobytes for tests: real files of every kind, whose outputs are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

SIDE = 32


def convolutional(keypoints: int = 17, channels: int = 3, *, relu6: bool = False) -> Any:
    """Heatmaps (8, 8, K) by the layers that the real model has, with weights of uneven ranges."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(5)  # the same weights, whatever other tests drew
    random = np.random.default_rng(3)
    inputs = keras.Input((SIDE, SIDE, channels))
    x = layers.Conv2D(8, 3, strides=4, padding="same", use_bias=False)(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU(6.0 if relu6 else None)(x)
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.Conv2D(12, 1, use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2D(keypoints, 1)(x)
    model = keras.Model(inputs, layers.Activation("sigmoid")(x))
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            gamma = gamma * np.exp(random.normal(0, 1.5, gamma.shape))
            beta = random.normal(0, 0.2, beta.shape)
            mean = random.normal(0, 0.1, mean.shape)
            layer.set_weights([gamma, beta, mean, variance * random.uniform(0.5, 2, mean.shape)])
    return model


def constant(values: Any, channels: int = 3, extra: Any = None) -> Any:
    """Return a model that puts out the same values, whatever it sees.

    Args:
        values: The output without the batch.
        channels: Of the input.
        extra: A second output, put out before the first.
    """
    import keras
    from keras import layers

    inputs = keras.Input((SIDE, SIDE, channels))
    pooled = layers.GlobalAveragePooling2D()(inputs)
    outputs = []
    for wanted in (values, extra):
        if wanted is None:
            continue
        wanted = np.asarray(wanted, np.float32)
        dense = layers.Dense(wanted.size, kernel_initializer="zeros")
        outputs.insert(0, layers.Reshape(wanted.shape)(dense(pooled)))
        dense.set_weights([dense.get_weights()[0], wanted.ravel()])
    return keras.Model(inputs, outputs if len(outputs) > 1 else outputs[0])


def seeing(keypoints: int = 17, channels: int = 3) -> Any:
    """Return a model whose every heatmap (8, 8) is the brightness of the picture, /255."""
    import keras
    from keras import layers

    inputs = keras.Input((SIDE, SIDE, channels))
    x = layers.AveragePooling2D(4)(inputs)
    last = layers.Conv2D(keypoints, 1, use_bias=False)
    model = keras.Model(inputs, last(x))
    last.set_weights([np.full((1, 1, channels, keypoints), 1 / channels, np.float32)])
    return model


def save(model: Any, path: Path) -> Path:
    """Write a Keras model as .h5, .keras or float .tflite, by the path's suffix."""
    if path.suffix == ".tflite":
        from poseline.quantization.keras_conversion import float_tflite

        path.write_bytes(float_tflite(model))
    else:
        model.save(path)
    return path


def save_onnx(path: Path, values: Any, channels: int = 3, *, batch: int | str = "n") -> Path:
    """Write `constant` as .onnx, channels first as PyTorch exports it.

    A heatmap is given as (h, w, K) and put out as (K, h, w).
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    wanted = np.asarray(values, np.float32)
    if wanted.ndim == 3 and wanted.shape[0] > 4:
        wanted = wanted.transpose(2, 0, 1)
    constants = {
        "weight": np.zeros((channels, wanted.size), np.float32),
        "bias": wanted.ravel(),
        "shape": np.asarray([-1, *wanted.shape], np.int64),
    }
    nodes = [
        helper.make_node("GlobalAveragePool", ["picture"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["dense"]),
        helper.make_node("Reshape", ["dense", "shape"], ["found"]),
    ]
    size = [batch, channels, SIDE, SIDE]
    graph = helper.make_graph(
        nodes,
        "constant",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, size)],
        [helper.make_tensor_value_info("found", TensorProto.FLOAT, [batch, *wanted.shape])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    onnx.save(made, path)
    return path


def convolutional_onnx(
    path: Path, keypoints: int = 17, *, opset: int = 17, batch: int | str = "n"
) -> Path:
    """Write two convolutions and a sigmoid as .onnx: heatmaps of a quarter of 32×32."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    constants = {
        "w1": random.normal(0, 0.2, (8, 3, 4, 4)),
        "b1": random.normal(0, 0.1, 8),
        "w2": random.normal(0, 0.3, (keypoints, 8, 1, 1)),
        "b2": np.zeros(keypoints),
    }
    nodes = [
        helper.make_node("Conv", ["picture", "w1", "b1"], ["c1"], name="first", strides=[4, 4]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], name="second"),
        helper.make_node("Sigmoid", ["c2"], ["heatmaps"]),
    ]
    graph = helper.make_graph(
        nodes,
        "convolutional",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [batch, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("heatmaps", TensorProto.FLOAT, [batch, keypoints, 8, 8])],
        [numpy_helper.from_array(v.astype(np.float32), name) for name, v in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(made)
    onnx.save(made, path)
    return path
