import numpy as np

from poseline.runtime.decode import decode_heatmaps


def test_dark_reads_more_keypoints_than_opencv_has_channels():
    heatmaps = np.random.default_rng(1).random((2, 16, 16, 133), np.float32)
    alone = [decode_heatmaps(heatmaps[..., k : k + 1], "dark") for k in range(133)]
    np.testing.assert_array_equal(decode_heatmaps(heatmaps, "dark"), np.concatenate(alone, axis=1))
