"""The model that is trained in place of the saved one, and how it is computed fast."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import keras
import tensorflow as tf
from keras import layers
from keras.src.models.functional import operation_fn

from poseline.config.models.training import Precision
from poseline.training.fused_normalization import moments, normalized_linear
from poseline.training.group import ALONE, Group


def make_twin(model: keras.Model, steps_per_epoch: int, synchronized: bool = False) -> keras.Model:
    """Return a model of the same weights for training at any input size.

    The moving statistics get a horizon of at most half an epoch: the 0.999 of Keras' MobileNetV2
    needs thousands of steps, and a short training from scratch would be evaluated with the
    statistics of its beginning.

    Args:
        model: The model that will be saved; its weights are copied.
        steps_per_epoch: Batches of an epoch.
        synchronized: Whether batch statistics are those of several workers' pictures.
    """
    longest = max(1 - 2 / max(steps_per_epoch, 1), 0.8)

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if isinstance(layer, layers.BatchNormalization):
            config["momentum"] = min(config["momentum"], longest)
            config["synchronized"] = synchronized
        return layer.__class__.from_config(config)

    channels = model.input_shape[-1]
    twin = keras.models.clone_model(
        model,
        input_tensors=keras.Input((None, None, channels), name="pictures"),
        clone_function=clone,
    )
    twin.set_weights(model.get_weights())
    return twin


class Forward:
    """Computes a model layer by layer, with batch normalization and what is before it as one.

    The function and its gradients are the model's own, up to rounding. What it saves is passes
    over the activations, which on a CPU take most of a step: Keras makes a batch normalization of
    single operations (benchmarks/train.py shows what it comes to).

    Attributes:
        normalizations: The layers whose batch statistics `train` returns.
    """

    def __init__(
        self, model: keras.Model, group: Group = ALONE, precision: Precision = "float32"
    ) -> None:
        """Look through the model.

        Args:
            model: A functional or sequential model.
            group: The workers that have a part of each batch; batch statistics and noise are
                those of the whole one. `train` is then computed by `group.run`.
            precision: What `train` computes in; `infer` computes in float32.
        """
        self._group, self._precision = group, precision
        self._layers = model.layers
        self._graph = getattr(model, "_functional", model)
        self.normalizations = [layer for layer in model.layers if _normalizes_batches(layer)]

    def train(self, images: Any) -> tuple[Any, list[Any]]:
        """Compute the model as in training.

        Args:
            images: (B, H, W, C) float32.

        Returns:
            The output, float32; mean and biased variance of each of `normalizations`, which has not
            updated its moving statistics.
        """
        statistics: dict[int, tuple[Any, Any]] = {}

        def normalize(layer: Any, x: Any) -> Any:
            if not _normalizes_batches(layer):
                return layer(_value(x), training=True)
            z, *found = _normalized(layer, x, self._group, fused=self._precision == "float32")
            statistics[id(layer)] = (found[0], found[1])
            return z

        with _computing_in(self._precision, self._layers):
            output = tf.cast(self._walk(images, True, normalize), tf.float32)
        return output, [t for layer in self.normalizations for t in statistics[id(layer)]]

    def infer(self, images: Any) -> Any:
        """Compute the model as in inference: (B, H, W, C) float32 to its output."""

        def normalize(layer: Any, x: Any) -> Any:
            if isinstance(x, _Convolution) and layer.center and layer.scale:
                return x.folded(layer)
            return layer(_value(x), training=False)

        return self._walk(images, False, normalize)

    def _walk(self, images: Any, training: bool, normalize: Any) -> Any:
        def operation(layer: Any) -> Any:
            def call(*args: Any, **kwargs: Any) -> Any:
                if isinstance(layer, layers.BatchNormalization):
                    return normalize(layer, args[0])
                if _is_linear(layer) and _pads_alike(args[0], layer):
                    return _Convolution(layer, args[0].x, padding="SAME")
                args, kwargs = keras.tree.map_structure(_value, (args, kwargs))
                if type(layer) is layers.ZeroPadding2D:
                    return _Padding(layer, args[0])
                if _is_linear(layer):
                    return _Convolution(layer, args[0])
                if training and self._group.size > 1 and isinstance(layer, _NOISES):
                    return _shared_noise(layer, args[0], self._group)
                return operation_fn(layer, training=training)(*args, **kwargs)

            return call

        return _value(self._graph._run_through_graph(images, operation_fn=operation))


class _Padding:
    """Zeros around a picture that wait for the convolution after them."""

    def __init__(self, layer: Any, x: Any) -> None:
        self.layer, self.x = layer, x

    @cached_property
    def value(self) -> Any:
        return self.layer(self.x)


class _Convolution:
    """A convolution that waits for what comes after it."""

    def __init__(self, layer: Any, x: Any, padding: str | None = None) -> None:
        """Keep a convolution of `x`; `padding` is that of TensorFlow where not the layer's own."""
        self.layer, self.x, self.padding = layer, x, padding
        self.pointwise = (
            isinstance(layer, layers.Conv2D)
            and layer.kernel_size == layer.strides == (1, 1)
            and layer.groups == 1
        )

    @cached_property
    def value(self) -> Any:
        return self._convolved(self.layer.kernel)

    def _convolved(self, kernel: Any) -> Any:
        if self.padding:
            strides = (1, *self.layer.strides, 1)
            kernel = tf.cast(tf.convert_to_tensor(kernel), self.x.dtype)
            return tf.nn.depthwise_conv2d(self.x, kernel, strides, self.padding)
        with keras.StatelessScope([(self.layer.kernel, tf.convert_to_tensor(kernel))]):
            return self.layer(self.x)

    @property
    def rows(self) -> Any:
        """The input of a pointwise convolution: (N, I)."""
        return tf.reshape(self.x, (-1, self.x.shape[-1]))

    @property
    def matrix(self) -> Any:
        """The kernel of a pointwise convolution: (I, O)."""
        return tf.reshape(tf.convert_to_tensor(self.layer.kernel), self.layer.kernel.shape[2:])

    def picture(self, rows: Any) -> Any:
        """Return rows (N, O) in the shape that the convolution puts out."""
        height, width = (self.x.shape[i] or tf.shape(self.x)[i] for i in (1, 2))
        return tf.reshape(rows, (-1, height, width, rows.shape[-1]))

    def folded(self, layer: Any) -> Any:
        """Convolve with the moving statistics and weights of a normalization in the kernel."""
        scale = layer.gamma * tf.math.rsqrt(layer.moving_variance + layer.epsilon)
        offset = layer.beta - layer.moving_mean * scale
        if self.pointwise:
            return self.picture(tf.nn.bias_add(tf.matmul(self.rows, self.matrix * scale), offset))
        kernel = self.layer.kernel
        last = kernel.shape[-2:] if isinstance(self.layer, layers.DepthwiseConv2D) else (-1,)
        return tf.nn.bias_add(self._convolved(kernel * tf.reshape(scale, last)), offset)


def _value(x: Any) -> Any:
    return x.value if isinstance(x, _Convolution | _Padding) else x


def _pads_alike(x: Any, layer: Any) -> bool:
    """Tell whether zeros below and to the right are what `SAME` adds before a depthwise layer.

    So it is with the halving layers of Keras' MobileNetV2 on pictures of even sides; the zeros
    are then never written out.
    """
    return (
        isinstance(x, _Padding)
        and isinstance(layer, layers.DepthwiseConv2D)
        and (layer.kernel_size, layer.strides, layer.padding) == ((3, 3), (2, 2), "valid")
        and tuple(layer.dilation_rate) == (1, 1)
        and x.layer.padding == ((0, 1), (0, 1))
        and x.layer.data_format == "channels_last"
        and all(side and side % 2 == 0 for side in x.x.shape[1:3])
    )


def _is_linear(layer: Any) -> bool:
    return (
        type(layer) in (layers.Conv2D, layers.DepthwiseConv2D)
        and not layer.use_bias
        and layer.activation is keras.activations.linear
        and layer.data_format == "channels_last"
    )


def _normalizes_batches(layer: Any) -> bool:
    """Tell whether a layer normalizes pictures' channels by batch statistics in training."""
    return (
        type(layer) is layers.BatchNormalization
        and layer.trainable
        and layer.center
        and layer.scale
        and not layer.renorm
        and layer.axis in (-1, 3)
        and layer.input_spec.ndim == 4
    )


_NOISES = (layers.Dropout, layers.SpatialDropout2D, layers.GaussianDropout)
"""Layers that multiply each value by a random one."""


def _shared_noise(layer: Any, x: Any, group: Group) -> Any:
    """Draw for the whole batch, so that a picture's noise does not depend on who has it."""
    (rows,) = group.sum([tf.cast(tf.shape(x)[0], tf.float32)])
    rows = tf.cast(rows, tf.int32)
    noise = layer(tf.ones(tf.concat([[rows], tf.shape(x)[1:]], 0), x.dtype), training=True)
    start = group.share.index * rows // group.size
    return x * tf.ensure_shape(noise[start : start + tf.shape(x)[0]], x.shape)


@contextmanager
def _computing_in(precision: Precision, layers: list[Any]) -> Iterator[None]:
    """Give layers another policy while their graph is made; their variables stay float32."""
    before = [layer.dtype_policy for layer in layers]
    try:
        for layer in layers if precision != "float32" else ():
            layer.dtype_policy = precision
        yield
    finally:
        for layer, policy in zip(layers, before, strict=True):
            layer.dtype_policy = policy


def _normalized(layer: Any, x: Any, group: Group, fused: bool) -> tuple[Any, Any, Any]:
    gamma, beta = (tf.convert_to_tensor(weight) for weight in (layer.gamma, layer.beta))
    if isinstance(x, _Convolution) and x.pointwise and fused:
        z, mean, variance = normalized_linear(x.rows, x.matrix, gamma, beta, layer.epsilon, group)
        return x.picture(z), mean, variance
    x, nothing = _value(x), tf.zeros([0])
    if group.size > 1:
        exact = tf.cast(x, tf.float32)
        _, mean, variance = moments(tf.reshape(exact, (-1, x.shape[-1])), group)
        z = tf.nn.batch_normalization(exact, mean, variance, beta, gamma, layer.epsilon)
        return tf.cast(z, x.dtype), tf.stop_gradient(mean), tf.stop_gradient(variance)
    z, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=gamma,
        offset=beta,
        mean=nothing,
        variance=nothing,
        epsilon=layer.epsilon,
        is_training=True,
    )
    count = tf.cast(tf.size(x) / tf.size(mean), tf.float32)
    return z, mean, variance * (1 - 1 / count)  # Keras keeps the biased one
