import cv2
import numpy as np

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
