"""Steps that move pixels: flip, rotation, translation, zoom."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from poseline.config.augmentation import (
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)
from poseline.data.augment.scene import GREY, Matrix, Scene

Size = tuple[int, int]
Draw = Callable[[Any, np.random.Generator, Size], Matrix]


def draw_flip(settings: RandomFlip, generator: np.random.Generator, size: Size) -> Matrix:
    """Mirror; `horizontal_and_vertical` draws one of the two or both."""
    height, width = size
    horizontal, vertical = settings.mode == "horizontal", settings.mode == "vertical"
    if settings.mode == "horizontal_and_vertical":
        choice = generator.integers(1, 4)
        horizontal, vertical = bool(choice & 1), bool(choice & 2)
    x, y = -1.0 if horizontal else 1.0, -1.0 if vertical else 1.0
    return np.array(
        [[x, 0, width if horizontal else 0], [0, y, height if vertical else 0], [0, 0, 1.0]]
    )


def draw_rotation(settings: RandomRotation, generator: np.random.Generator, size: Size) -> Matrix:
    """Rotate around the centre; positive angles turn counter-clockwise as one sees it."""
    angle = generator.uniform(*settings.factor) * 2 * math.pi
    cos, sin = math.cos(angle), math.sin(angle)
    return _around_centre(np.array([[cos, sin], [-sin, cos]]), size)


def draw_translation(
    settings: RandomTranslation, generator: np.random.Generator, size: Size
) -> Matrix:
    """Shift to the right and down by shares of the width and height."""
    height, width = size
    matrix = np.eye(3)
    matrix[0, 2] = generator.uniform(*settings.width_factor) * width
    matrix[1, 2] = generator.uniform(*settings.height_factor) * height
    return matrix


def draw_zoom(settings: RandomZoom, generator: np.random.Generator, size: Size) -> Matrix:
    """Scale around the centre so that 1 - factor of the scene's width and height is in view."""
    return _around_centre(np.eye(2) / (1 - generator.uniform(*settings.factor)), size)


def _around_centre(linear: NDArray[np.float64], size: Size) -> Matrix:
    centre = np.array([size[1] / 2, size[0] / 2])
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = centre - linear @ centre
    return matrix


def move(scene: Scene, matrices: Sequence[Matrix], flip: Sequence[int]) -> None:
    """Apply consecutive movements to a scene.

    The picture is resampled once, by the product of the matrices, and looks as if it had been
    resampled by each in turn, only sharper: what left the picture on the way stays grey, though
    the product alone would bring it back.

    Args:
        scene: Changed in place.
        matrices: The movements in order.
        flip: Mirror partner of each keypoint; they change places where a movement mirrors.
    """
    for matrix in matrices:
        _move_poses(scene, matrix, flip)
    scene.image = _move_image(scene.image, matrices)


def _move_poses(scene: Scene, matrix: Matrix, flip: Sequence[int]) -> None:
    height, width = scene.image.shape[:2]
    size = np.array([width, height], np.float64)
    linear, offset = matrix[:2, :2], matrix[:2, 2]
    determinant = float(np.linalg.det(linear))

    points = (scene.keypoints[..., :2] * size) @ linear.T + offset
    points /= size
    inside = np.all((points >= 0) & (points <= 1), axis=-1)
    scene.keypoints = np.concatenate(
        [points, (scene.keypoints[..., 2] * inside)[..., None]], axis=-1
    )
    if determinant < 0:
        scene.keypoints = scene.keypoints[:, list(flip)]

    centres, halves = scene.boxes[:, :2] * size, scene.boxes[:, 2:] * size / 2
    centres, halves = centres @ linear.T + offset, halves @ np.abs(linear).T
    low = np.clip((centres - halves) / size, 0, 1)
    high = np.clip((centres + halves) / size, 0, 1)
    scene.boxes = np.concatenate([(low + high) / 2, high - low], axis=1)
    scene.areas = scene.areas * abs(determinant)


def _move_image(image: NDArray[np.uint8], matrices: Sequence[Matrix]) -> NDArray[np.uint8]:
    height, width, channels = image.shape
    product = np.eye(3)
    for matrix in matrices:
        product = matrix @ product
    if np.array_equal(np.abs(product[:2, :2]), np.eye(2)) and all(map(_is_flip, matrices)):
        return _mirror(image, product)
    # OpenCV counts from the pixels' centres.
    to_centres = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1.0]])
    to_corners = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    fill = (GREY, GREY, GREY, 255)
    moved = cv2.warpAffine(
        image,
        (to_centres @ product @ to_corners)[:2],
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=fill,
    )
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    later = np.eye(3)
    for matrix in reversed(matrices[1:]):
        later = later @ matrix
        _fill_outside(moved, frame @ later[:2, :2].T + later[:2, 2], frame, fill)
    return np.asarray(moved).reshape(height, width, channels)


def _is_flip(matrix: Matrix) -> bool:
    return np.array_equal(np.abs(matrix[:2, :2]), np.eye(2)) and np.linalg.det(matrix[:2, :2]) != 1


def _mirror(image: NDArray[np.uint8], matrix: Matrix) -> NDArray[np.uint8]:
    rows, columns = slice(None, None, int(matrix[1, 1])), slice(None, None, int(matrix[0, 0]))
    return np.ascontiguousarray(image[rows, columns])


def _fill_outside(
    image: NDArray[np.uint8],
    corners: NDArray[np.float64],
    frame: NDArray[np.float64],
    fill: tuple[int, ...],
) -> None:
    """Paint everything outside of a parallelogram, edge by edge."""
    centre = corners.mean(axis=0)
    reach = 4 * float(np.abs(frame).max())
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = (end - start) / max(float(np.linalg.norm(end - start)), 1e-9)
        outward = np.array([along[1], -along[0]])
        if outward @ (start - centre) < 0:
            outward = -outward
        if np.all((frame - start) @ outward <= 0.5):
            continue
        quad = np.array(
            [
                start - along * reach,
                end + along * reach,
                end + (along + outward) * reach,
                start + (outward - along) * reach,
            ]
        )
        # Positions count from pixel centres here too; four binary digits of a pixel are kept, and
        # half a pixel is left to the picture, since the outline itself is painted.
        fixed = np.rint((quad + outward * 0.5 - 0.5) * 16).astype(np.int32)
        cv2.fillConvexPoly(image, fixed, fill, shift=4)
