"""A network that learns in seconds, and markers for it to find."""

import cv2
import keras
import numpy as np
from keras import layers

from poseline.data.yolo import Poses, format_label


def network(side=32, channels=3, keypoints=17, dropout=None):
    """Two strided convolutions: heatmaps at a quarter of the input."""
    x = inputs = keras.Input((side, side, channels))
    x = layers.Conv2D(12, 5, 2, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(16, 3, 2, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    if dropout:
        x = layers.Dropout(dropout)(x)
    x = layers.Conv2D(keypoints, 3, padding="same")(x)
    return keras.Model(inputs, layers.Activation("sigmoid")(x), name="small")


COLOURS = ((255, 40, 40), (40, 255, 40), (60, 60, 255))


def markers(folder, count, side=64, keypoints=17, seed=0):
    """Write a set of grey pictures with three coloured blobs, each at a keypoint of its own."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        picture = np.full((side, side, 3), 90, np.uint8)
        picture += random.integers(0, 20, picture.shape, np.uint8)
        points = np.zeros((1, keypoints, 3), np.float32)
        for index, colour in enumerate(COLOURS):
            at = random.uniform(0.15, 0.85, 2)
            centre = tuple(np.rint((at * side - 0.5) * 16).astype(int).tolist())
            cv2.circle(picture, centre, 16 * 4, colour, -1, cv2.LINE_AA, 4)
            points[0, index] = (*at, 1)
        cv2.imwrite(str(folder / f"{number:03d}.jpg"), picture[..., ::-1])
        box = np.array([[0.5, 0.5, 0.9, 0.9]], np.float32)
        (folder / f"{number:03d}.txt").write_text(format_label(Poses(box, points)))
    return folder
