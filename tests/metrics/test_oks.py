from math import exp

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from poseline.data.keypoints import KNOWN
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


@given(st.integers(0, 2**32 - 1), st.sampled_from([13, 17, 21]))
def test_it_is_the_published_formula(seed, count):
    """oks = Σ exp(-d² / 2s²κ²) δ(v > 0) / Σ δ(v > 0), s² the area, κ = 2σ; loops, no arrays."""
    random, sigmas = np.random.default_rng(seed), KNOWN[count].sigmas
    truth = random.uniform(0, 100, (3, count, 3))
    truth[..., 2] = random.integers(0, 3, (3, count))
    predicted = truth[..., :2] + random.normal(0, 5, (3, count, 2))
    areas = random.uniform(1, 5000, 3)
    found = oks(predicted, truth, areas, sigmas)
    for person in range(3):
        total, visible = 0.0, 0
        for k in range(count):
            if truth[person, k, 2] > 0:
                dx, dy = predicted[person, k] - truth[person, k, :2]
                total += exp(
                    -(dx * dx + dy * dy) / (2 * 0.53 * areas[person] * (2 * sigmas[k]) ** 2)
                )
                visible += 1
        if visible:
            assert abs(found[person] - total / visible) < 1e-12
        else:
            assert np.isnan(found[person])


def test_a_pose_without_visible_keypoints_is_not_counted():
    assert np.isnan(oks(np.zeros((1, 2, 2)), np.zeros((1, 2, 3)), np.ones(1), [0.1, 0.1])[0])


def test_pck_counts_by_the_larger_side():
    truth = np.array([[[0.0, 0, 1], [0, 0, 1], [0, 0, 0]]])
    predicted = np.array([[[9.0, 0], [11, 0], [0, 0]]])
    distances = normalized_distance(predicted, truth, np.array([[50.0, 100]]))
    assert pck(distances, 0.1) == 0.5


def test_the_sigmas_are_the_published_ones():
    body = [0.079, 0.072, 0.062, 0.107, 0.087, 0.089]
    twice = [s for s in body for _ in range(2)]
    assert KNOWN[17].sigmas == (0.026, 0.025, 0.025, 0.035, 0.035, *twice)
    assert KNOWN[13].sigmas == (0.035, *twice)
    assert len(KNOWN[21].sigmas) == 21
