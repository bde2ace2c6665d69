from itertools import pairwise

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

from poseline.metrics import plots


def looked_at(path):
    picture = cv2.imread(str(path))
    assert picture is not None
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10
    return picture.shape


def test_every_plot_is_drawn(tmp_path):
    random = np.random.default_rng(0)
    plots.plot_keypoints(
        ["nose", "left_eye"], {"float": [0.5, 0.7], "int8": [0.4, 0.6]}, tmp_path / "a.png"
    )
    plots.plot_curves(random.random(20), random.random((20, 17)), tmp_path / "b.png")
    curves = {0.5: np.linspace(1, 0, 101), 0.95: np.zeros(101)}
    plots.plot_precision(np.linspace(0, 1, 101), curves, tmp_path / "c.png")
    for name in "abc":
        looked_at(tmp_path / f"{name}.png")


def test_nothing_known_is_no_error(tmp_path):
    nothing = np.full(3, np.nan)
    plots.plot_curves(nothing, np.full((3, 17), np.nan), tmp_path / "b.png")
    looked_at(tmp_path / "b.png")


@pytest.mark.parametrize("count", [1, 40, 133])
def test_the_names_of_keypoints_are_legible_however_many_there_are(tmp_path, monkeypatch, count):
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))
    names = [f"right_ring_finger{number}" for number in range(count)]
    plots.plot_keypoints(names, {"float": [0.5] * count, "int8": [0.4] * count}, tmp_path / "k.png")
    (figure,) = figures
    figure.draw_without_rendering()
    axes = figure.axes[0]
    labels = axes.get_yticklabels() if count > 40 else axes.get_xticklabels()
    boxes = [label.get_window_extent() for label in labels]
    assert [label.get_text() for label in labels] == [name.replace("_", " ") for name in names]
    if count > 40:  # one below the other
        assert all(low.y1 <= high.y0 + 1 for high, low in pairwise(boxes))
        assert all(box.x0 >= 0 for box in boxes)
