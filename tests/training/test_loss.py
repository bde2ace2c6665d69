import numpy as np
import pytest
import tensorflow as tf

from poseline.config.models.training import Heatmaps
from poseline.data.heatmaps import encode
from poseline.training.loss import heatmap_loss


def _labels(visible=(1, 1, 1)):
    labels = np.random.default_rng(1).uniform(0.1, 0.9, (2, 4, 3)).astype(np.float32)
    labels[:, :3, 2] = visible
    return labels


def _logits():
    return np.random.default_rng(2).normal(0, 2, (2, 8, 6, 3)).astype(np.float32)


@pytest.mark.parametrize("target", ["gaussian", "one_hot"])
@pytest.mark.parametrize("visible", [(1, 1, 1), (1, 0, 1)])
def test_softmax_is_categorical_cross_entropy_over_the_cells(target, visible):
    labels, logits, settings = _labels(visible), _logits(), Heatmaps(target=target)
    targets = np.asarray(encode(labels[:, :3], 8, 6, target, 1.0)[0], np.float64)
    expected = []
    for n, k in np.ndindex(2, 3):
        if visible[k]:
            values = logits[n, ..., k].astype(np.float64)
            chances = np.exp(values) / np.exp(values).sum()
            wanted = targets[n, ..., k] / targets[n, ..., k].sum()
            expected.append(-(wanted * np.log(chances)).sum())
    found = heatmap_loss(tf.constant(logits), labels, settings, "softmax")
    assert float(found) == pytest.approx(np.mean(expected), rel=1e-5)


def test_hidden_keypoints_give_no_gradient_and_nobody_gives_none():
    labels, logits = _labels((1, 0, 0)), tf.Variable(_logits())
    for visible in ((1, 0, 0), (0, 0, 0)):
        labels[:, :3, 2] = visible
        with tf.GradientTape() as tape:
            loss = heatmap_loss(logits, labels, Heatmaps(), "softmax")
        gradient = np.asarray(tape.gradient(loss, logits))
        assert np.isfinite(gradient).all()
        assert [bool(gradient[..., k].any()) for k in range(3)] == [bool(v) for v in visible]


def test_logits_of_any_size_are_finite():
    logits = tf.constant(np.where(_logits() > 0, 1e4, -1e4).astype(np.float32))
    assert np.isfinite(float(heatmap_loss(logits, _labels(), Heatmaps(), "softmax")))
