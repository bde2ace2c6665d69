import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from poseline.metrics.oks import keypoint_similarity, oks
from poseline.metrics.pck import normalized_distance, pck


def test_a_hand_computed_case():
    truth = np.array([[[10.0, 10, 1], [20, 20, 1], [0, 0, 0]]])
    predicted = np.array([[[10.0, 10], [23, 24], [99, 99]]])
    sigmas = np.array([0.1, 0.05, 0.1])
    second = np.exp(-25 / (2 * 1000 * 0.53 * 0.1**2))
    found = keypoint_similarity(predicted, truth, np.array([1000.0]), sigmas)[0]
    np.testing.assert_allclose(found[:2], [1, second])
    assert np.isnan(found[2])
    np.testing.assert_allclose(oks(predicted, truth, np.array([1000.0]), sigmas), (1 + second) / 2)


@given(st.floats(0, 100), st.floats(0, 100), st.floats(1, 1e5))
def test_it_lies_in_0_1_and_falls_with_the_distance(near, far, area):
    near, far = sorted((near, far))
    truth = np.array([[[0.0, 0, 1]]])
    score = [oks(np.array([[[d, 0.0]]]), truth, np.array([area]), [0.07])[0] for d in (near, far)]
    assert 0 <= score[1] <= score[0] <= 1


def test_a_pose_without_visible_keypoints_is_not_counted():
    assert np.isnan(oks(np.zeros((1, 2, 2)), np.zeros((1, 2, 3)), np.ones(1), [0.1, 0.1])[0])


def test_pck_counts_by_the_larger_side():
    truth = np.array([[[0.0, 0, 1], [0, 0, 1], [0, 0, 0]]])
    predicted = np.array([[[9.0, 0], [11, 0], [0, 0]]])
    distances = normalized_distance(predicted, truth, np.array([[50.0, 100]]))
    assert pck(distances, 0.1) == 0.5
