"""The model that is trained in place of the saved one: the same weights, faster layers."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class FusedBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Batch normalization in one kernel while training.

    Keras 3 computes it from single operations, which reads the activations several times; the
    fused kernel makes a step 1.5 times as fast on a CPU (benchmarks/train.py).
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalize (B, H, W, C) by the batch while training, else by the moving statistics."""
        if not (training and self.trainable) or len(inputs.shape) != 4:
            return super().call(inputs, training=training, mask=mask)
        nothing = tf.zeros([0])
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma,
            offset=self.beta,
            mean=nothing,
            variance=nothing,
            epsilon=self.epsilon,
            is_training=True,
        )
        keep = self.momentum
        self.moving_mean.assign(self.moving_mean * keep + mean * (1 - keep))
        self.moving_variance.assign(self.moving_variance * keep + variance * (1 - keep))
        return outputs


def make_twin(model: keras.Model, steps_per_epoch: int) -> keras.Model:
    """Return a model of the same weights for training at any input size.

    The moving statistics get a horizon of at most half an epoch: the 0.999 of Keras' MobileNetV2
    needs thousands of steps, and a short training from scratch would be evaluated with the
    statistics of its beginning.

    Args:
        model: The model that will be saved; its weights are copied.
        steps_per_epoch: Batches of an epoch.
    """
    longest = max(1 - 2 / max(steps_per_epoch, 1), 0.8)

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            config["momentum"] = min(config["momentum"], longest)
            return FusedBatchNormalization.from_config(config)
        return layer.__class__.from_config(config)

    channels = model.input_shape[-1]
    twin = keras.models.clone_model(
        model,
        input_tensors=keras.Input((None, None, channels), name="pictures"),
        clone_function=clone,
    )
    twin.set_weights(model.get_weights())
    return twin
