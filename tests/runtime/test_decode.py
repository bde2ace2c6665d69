"""Heatmaps of logits: where their keypoints are, and how sure they are."""

import numpy as np
import pytest

from poseline.runtime.decode import decode_heatmaps, mean_logits, softmax


def gaussian(x, y, side=24, sigma=1.0):
    """Return the logits of a Gaussian at (x, y), as shares: (1, side, side, 1)."""
    rows, columns = np.mgrid[:side, :side] + 0.5
    return (-((columns - x * side) ** 2 + (rows - y * side) ** 2) / (2 * sigma**2))[None, ..., None]


@pytest.mark.parametrize("shift", [0.0, -300.0, 80.0])
@pytest.mark.parametrize(
    ("decoding", "cells"), [("argmax", 0.5), ("quadratic", 1e-3), ("dark", 0.05)]
)
def test_the_place_is_that_of_the_peak_whatever_is_added(decoding, cells, shift):
    for x, y in ((0.31, 0.64), (0.5, 0.52), (0.7, 0.27)):
        logits = (gaussian(x, y) + shift).astype(np.float32)
        found = decode_heatmaps(logits, decoding, logits=True)[0, 0]
        assert abs(found[:2] - (x, y)).max() <= cells / 24 + 1e-5


def test_the_confidence_is_the_probability_of_the_cells_around():
    sure = decode_heatmaps(gaussian(0.5, 0.5), logits=True)[0, 0, 2]
    assert 0.9 < sure < 1
    flat = decode_heatmaps(np.zeros((1, 24, 24, 1)), logits=True)[0, 0, 2]
    assert flat == pytest.approx(9 / 24**2)  # the best cell is in the corner
    random = np.random.default_rng(0).normal(0, 2, (2, 9, 7, 3))
    found, chances = decode_heatmaps(random, logits=True), softmax(random)
    for n, k in np.ndindex(2, 3):
        row, column = np.unravel_index(random[n, ..., k].argmax(), (9, 7))
        around = chances[n, max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3, k]
        assert found[n, k, 2] == pytest.approx(around.sum(), rel=1e-5)


def test_what_no_float_holds_is_decoded():
    logits = np.full((1, 8, 8, 1), -1e4, np.float32)
    logits[0, 3, 4] = 1e4
    for decoding in ("argmax", "quadratic", "dark"):
        found = decode_heatmaps(logits, decoding, logits=True)[0, 0]
        np.testing.assert_allclose(found, (4.5 / 8, 3.5 / 8, 1), atol=1e-6)


def test_the_mean_of_two_is_that_of_their_probabilities():
    first, second = np.random.default_rng(1).normal(0, 3, (2, 1, 6, 5, 4))
    mean = softmax(mean_logits(first, second))
    np.testing.assert_allclose(mean, (softmax(first) + softmax(second)) / 2, atol=1e-12)


def test_dark_reads_more_keypoints_than_opencv_has_channels():
    heatmaps = np.random.default_rng(1).random((2, 16, 16, 133), np.float32)
    alone = [decode_heatmaps(heatmaps[..., k : k + 1], "dark") for k in range(133)]
    np.testing.assert_array_equal(decode_heatmaps(heatmaps, "dark"), np.concatenate(alone, axis=1))
