"""A linear layer and the batch normalization after it, as one operation."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from poseline.training.group import ALONE, Group


def normalized_linear(
    x: Any, kernel: Any, gamma: Any, beta: Any, epsilon: float, group: Group = ALONE
) -> tuple[Any, Any, Any]:
    """Normalize x · kernel by its own mean and variance, as batch normalization does in training.

    Small matrices stand in for passes over the activations, which are what a step's time goes to.
    Where the layer widens, y = x · kernel is never made: its mean and variance follow from those of
    x, var(y) = diag(kernelᵀ cov(x) kernel), so that the scale goes into the kernel. Where it
    narrows, y is the smaller of the two and is kept. The gradients are those of batch
    normalization, dy = s (dz - mean(dz) - ŷ mean(dz ŷ)), multiplied out likewise. The means are
    those of the whole batch, whose rows the workers of a group share; gradients of weights are
    this worker's part.

    Args:
        x: (N, I) float32.
        kernel: (I, O).
        gamma: (O,) scale.
        beta: (O,) offset.
        epsilon: Added to the variance.
        group: The workers that have the batch's rows.

    Returns:
        The normalized (N, O); mean and variance of y, (O,) each, which no gradient goes through.
    """
    inputs, outputs = kernel.shape
    compute: Any = _widening if inputs <= outputs else _narrowing

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def operation(*tensors: Any) -> Any:
        return compute(*tensors, epsilon, group)

    return operation(x, kernel, gamma, beta)  # type: ignore[no-any-return]


def _widening(x: Any, kernel: Any, gamma: Any, beta: Any, epsilon: float, group: Group) -> Any:
    count, centre, covariance = group.sum(
        [
            tf.cast(tf.shape(x)[0], x.dtype),
            tf.reduce_sum(x, 0, keepdims=True),
            tf.matmul(x, x, transpose_a=True),
        ]
    )
    centre, covariance = centre / count, covariance / count
    covariance -= tf.matmul(centre, centre, transpose_a=True)
    spread = tf.matmul(covariance, kernel)
    mean = tf.matmul(centre, kernel)[0]
    variance = tf.maximum(tf.reduce_sum(kernel * spread, 0), 0.0)
    inverse = tf.math.rsqrt(variance + epsilon)
    scale = gamma * inverse
    scaled = kernel * scale
    z = tf.nn.bias_add(tf.matmul(x, scaled), beta - mean * scale)

    def gradient(dz: Any, *_: Any) -> tuple[Any, ...]:
        product, total = tf.matmul(x, dz, transpose_a=True), tf.reduce_sum(dz, 0)
        dgamma = (tf.reduce_sum(kernel * product, 0) - mean * total) * inverse
        dgamma_of_all, total_of_all = group.sum([dgamma, total])
        share = dgamma_of_all * inverse * scale / count
        offset = mean * share - total_of_all * scale / count
        back = tf.matmul(kernel * share, kernel, transpose_b=True)
        dx = tf.matmul(dz, scaled, transpose_b=True) - tf.matmul(x, back)
        dx = tf.nn.bias_add(dx, tf.linalg.matvec(kernel, offset))
        dkernel = (
            product * scale
            - tf.transpose(centre) * (total * scale)
            - spread * (share * count / group.size)
        )
        return dx, dkernel, dgamma, total

    return (z, mean, variance), gradient


def _narrowing(x: Any, kernel: Any, gamma: Any, beta: Any, epsilon: float, group: Group) -> Any:
    y = tf.matmul(x, kernel)
    count, mean, variance = moments(y, group)
    inverse = tf.math.rsqrt(variance + epsilon)
    scale = gamma * inverse
    z = _scaled(y, scale, beta - mean * scale)

    def gradient(dz: Any, *_: Any) -> tuple[Any, ...]:
        total = tf.reduce_sum(dz, 0)
        dgamma = (tf.reduce_sum(dz * y, 0) - mean * total) * inverse
        dgamma_of_all, total_of_all = group.sum([dgamma, total])
        share = dgamma_of_all * inverse * scale / count
        offset = mean * share - total_of_all * scale / count
        dy = _scaled(dz, scale, offset) - tf.matmul(y, tf.linalg.diag(share))
        dx = tf.matmul(dy, kernel, transpose_b=True)
        return dx, tf.matmul(x, dy, transpose_a=True), dgamma, total

    return (z, mean, variance), gradient


def moments(y: Any, group: Group) -> tuple[Any, Any, Any]:
    """Return rows of the whole batch, and mean and biased variance of its columns.

    Args:
        y: (N, O) float32, this worker's rows.
        group: The workers that have the batch's rows.
    """
    count, total, squares = group.sum(
        [tf.cast(tf.shape(y)[0], y.dtype), tf.reduce_sum(y, 0), tf.reduce_sum(tf.square(y), 0)]
    )
    mean = total / count
    return count, mean, tf.maximum(squares / count - tf.square(mean), 0.0)


def _scaled(x: Any, scale: Any, offset: Any) -> Any:
    """Return x · scale + offset by column; a matrix product is one pass, broadcasting two."""
    return tf.nn.bias_add(tf.matmul(x, tf.linalg.diag(scale)), offset)
