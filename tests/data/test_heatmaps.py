import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poseline.data.heatmaps import encode
from poseline.runtime.decode import decode_heatmaps

share = st.floats(0, 1, width=32)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(share, share), min_size=1, max_size=4), st.floats(0.5, 3))
def test_gaussian_targets_equal_the_formula(points, sigma):
    keypoints = np.array([[(x, y, 1) for x, y in points]], np.float32)
    targets, mask = (np.asarray(t) for t in encode(keypoints, 6, 9, "gaussian", sigma))
    y, x = np.mgrid[:6, :9] + 0.5
    for index, (px, py) in enumerate(keypoints[0, :, :2]):
        expected = np.exp(-((x - px * 9) ** 2 + (y - py * 6) ** 2) / (2 * sigma**2))
        np.testing.assert_allclose(targets[0, ..., index], expected, atol=1e-5)
    assert mask.all()


@settings(max_examples=30, deadline=None)
@given(share, share)
def test_one_hot_sets_the_cell_of_the_keypoint(x, y):
    targets, _ = encode(np.array([[(x, y, 1)]], np.float32), 8, 8, "one_hot", 1.0)
    row, column = np.argwhere(np.asarray(targets)[0, ..., 0] == 1)[0]
    assert np.asarray(targets).sum() == 1
    assert (row, column) == (min(int(np.float32(y) * 8), 7), min(int(np.float32(x) * 8), 7))


def test_hidden_keypoints_are_masked():
    targets, mask = encode(np.array([[(0.5, 0.5, 0)]], np.float32), 4, 4, "gaussian", 1.0)
    assert not np.asarray(mask).any()
    assert not np.asarray(targets).any()


@settings(max_examples=40, deadline=None)
@given(st.floats(0.1, 0.9), st.floats(0.1, 0.9))
def test_sub_cell_decoding_finds_the_gaussian_again(x, y):
    heatmaps, _ = encode(np.array([[(x, y, 1)]], np.float32), 48, 48, "gaussian", 1.0)
    heatmaps = np.asarray(heatmaps)
    bounds = {"argmax": 0.5 / 48, "quadratic": 1e-3 / 48, "dark": 0.05 / 48}
    for decoding, bound in bounds.items():
        found = decode_heatmaps(heatmaps, decoding)[0, 0]
        assert abs(found[:2] - (x, y)).max() <= bound + 1e-6, decoding


@pytest.mark.parametrize("decoding", ["argmax", "quadratic", "dark"])
def test_decoding_stays_inside_at_borders_and_on_flat_maps(decoding):
    random = np.random.default_rng(0)
    for heatmaps in (np.zeros((2, 5, 7, 3)), random.random((2, 5, 7, 3))):
        found = decode_heatmaps(heatmaps.astype(np.float32), decoding)
        assert np.isfinite(found).all()
        assert (found[..., :2] >= 0).all()
        assert (found[..., :2] <= 1).all()
