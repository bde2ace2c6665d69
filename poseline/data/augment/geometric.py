"""Steps that move pixels: flip, rotation, translation, zoom, crop, shear."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from poseline.config.models.augmentation_steps import (
    RandomCrop,
    RandomFlip,
    RandomRotation,
    RandomShear,
    RandomShearX,
    RandomShearY,
    RandomTranslation,
    RandomZoom,
)
from poseline.data.augment.filling import DEFAULT, Filling
from poseline.data.augment.scene import Matrix, Scene

Size = tuple[int, int]
Box = tuple[float, float, float, float]
Movement = (
    RandomFlip
    | RandomRotation
    | RandomTranslation
    | RandomZoom
    | RandomCrop
    | RandomShear
    | RandomShearX
    | RandomShearY
)

# OpenCV's positions count from the centre of the first pixel, ours from its corner.
_CORNERS = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
_CENTRES = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1.0]])


def person_of(scene: Scene, movements: Sequence[Matrix]) -> Box | None:
    """Return the box of a scene's first person in px, once it will have been moved.

    Args:
        scene: The scene before the movements.
        movements: What it is still to be moved by, in order.

    Returns:
        Centre x, centre y, width and height; None: nobody is there.
    """
    if not len(scene.boxes) or not (scene.boxes[0, 2:] > 0).all():
        return None
    height, width = scene.image.shape[:2]
    centre, extent = (scene.boxes[0].reshape(2, 2) * (width, height)).astype(np.float64)
    for matrix in movements:
        linear = matrix[:2, :2]
        centre, extent = linear @ centre + matrix[:2, 2], np.abs(linear) @ extent
    return *centre.tolist(), *extent.tolist()


def draw(
    settings: Movement, generator: np.random.Generator, size: Size, person: Box | None = None
) -> Matrix:
    """Draw one movement of a picture.

    Args:
        settings: Kind and limits of the movement.
        generator: Source of the draws.
        size: Height and width in px.
        person: What a movement relative to a person goes by; None: the picture in its place.
    """
    height, width = size
    if person is None or getattr(settings, "relative_to", "picture") == "picture":
        person = width / 2, height / 2, width, height
    match settings:
        case RandomFlip():
            x, y = _directions(settings, generator)
            matrix = np.diag([x, y, 1.0])
            matrix[:2, 2] = width * (x < 0), height * (y < 0)
            return matrix
        case RandomRotation():
            angle = generator.uniform(*settings.factor) * 2 * math.pi
            cos, sin = math.cos(angle), math.sin(angle)
            # Counter-clockwise as one sees it, with y pointing down.
            return _around_centre(np.array([[cos, sin], [-sin, cos]]), size)
        case RandomTranslation():
            matrix = np.eye(3)
            matrix[0, 2] = generator.uniform(*settings.width_factor) * person[2]
            matrix[1, 2] = generator.uniform(*settings.height_factor) * person[3]
            return matrix
        case RandomZoom():
            wide = generator.uniform(*settings.width_factor)
            high = generator.uniform(*settings.height_factor) if settings.height_factor else wide
            return _around(np.diag([1 / (1 + wide), 1 / (1 + high)]), person[0], person[1])
        case RandomCrop():
            return _crop(settings, generator, size)
        case RandomShear():
            along_x, along_y = np.tan(generator.uniform(*settings.factor, 2))
            return _around_centre(np.array([[1, along_x], [along_y, 1]]), size)
        case RandomShearX():
            along_x = np.tan(generator.uniform(*settings.factor))
            return _around_centre(np.array([[1, along_x], [0, 1]]), size)
        case RandomShearY():
            along_y = np.tan(generator.uniform(*settings.factor))
            return _around_centre(np.array([[1, 0], [along_y, 1]]), size)


def _crop(settings: RandomCrop, generator: np.random.Generator, size: Size) -> Matrix:
    """Bring a part of the picture, cut at its border, to the picture's size."""
    matrix = np.eye(3)
    axes = (
        (settings.crop_center_x, settings.crop_width, size[1]),
        (settings.crop_center_y, settings.crop_height, size[0]),
    )
    for axis, (centres, extents, pixels) in enumerate(axes):
        centre, half = generator.uniform(*centres), generator.uniform(*extents) / 2
        start, end = max(centre - half, 0.0), min(centre + half, 1.0)
        matrix[axis, axis] = 1 / (end - start)
        matrix[axis, 2] = -start * pixels / (end - start)
    return matrix


def _directions(settings: RandomFlip, generator: np.random.Generator) -> tuple[int, int]:
    """Return -1 for x and y where they are mirrored; where both may be, at least one is."""
    if settings.mode == "horizontal":
        return -1, 1
    if settings.mode == "vertical":
        return 1, -1
    return ((-1, 1), (1, -1), (-1, -1))[int(generator.integers(3))]


def _around_centre(linear: NDArray[np.float64], size: Size) -> Matrix:
    return _around(linear, size[1] / 2, size[0] / 2)


def _around(linear: NDArray[np.float64], x: float, y: float) -> Matrix:
    centre = np.array([x, y])
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = centre - linear @ centre
    return matrix


def move(
    scene: Scene, matrices: Sequence[Matrix], flip: Sequence[int], filling: Filling = DEFAULT
) -> None:
    """Apply consecutive movements to a scene.

    The picture is resampled once, by the product of the matrices, and looks as if it had been
    resampled by each in turn, only sharper: what left the picture on the way stays filled, though
    the product alone would bring it back.

    Args:
        scene: Changed in place.
        matrices: The movements in order.
        flip: Mirror partner of each keypoint; they change places where a movement mirrors.
        filling: What comes in from outside. Where it is not a constant, all movements but one are
            flips.
    """
    height, width = scene.image.shape[:2]
    to_px = np.array([width, height, 1.0])
    for matrix in matrices:
        _move_poses(scene, matrix / to_px[:, None] * to_px, flip)
    scene.image = _move_image(scene.image, matrices, filling)


def _move_poses(scene: Scene, matrix: Matrix, flip: Sequence[int]) -> None:
    """Move keypoints and boxes by a matrix that is in shares of the picture, too."""
    linear, offset = matrix[:2, :2], matrix[:2, 2]
    (a, b), (c, d) = linear.tolist()
    determinant = a * d - b * c

    keypoints = scene.keypoints.copy()
    points = keypoints[..., :2] @ linear.T + offset
    keypoints[..., :2] = points
    keypoints[..., 2] *= ((points >= 0) & (points <= 1)).all(axis=-1)
    scene.keypoints = keypoints if determinant > 0 else keypoints[:, list(flip)]

    centres = scene.boxes[:, :2] @ linear.T + offset
    halves = scene.boxes[:, 2:] @ np.abs(linear).T / 2
    low, high = (centres - halves).clip(0, 1), (centres + halves).clip(0, 1)
    scene.boxes = np.concatenate([(low + high) / 2, high - low], axis=1)
    scene.areas = scene.areas * abs(determinant)


def _move_image(
    image: NDArray[np.uint8], matrices: Sequence[Matrix], filling: Filling
) -> NDArray[np.uint8]:
    height, width, channels = image.shape
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    if all(_mirrors(matrix, width, height) for matrix in matrices):
        x, y = np.prod([np.diag(matrix)[:2] for matrix in matrices], axis=0).astype(int)
        return np.ascontiguousarray(image[::y, ::x])
    product = _CORNERS
    for matrix in matrices:
        product = matrix @ product
    # Four channels are warped in less time than three.
    source = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA) if channels == 3 else image
    moved = cv2.warpAffine(
        source,
        (_CENTRES @ product)[:2],
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderMode=filling.border,
        borderValue=filling.colour,
    )
    if channels == 3:
        moved = cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB)
    later = np.eye(3)
    for before, matrix in zip(matrices[-2::-1], matrices[:0:-1], strict=True):
        later = later @ matrix
        # A flip leaves nothing outside of its frame that had been inside.
        if not _mirrors(before, width, height) and not _mirrors(later, width, height):
            corners = frame @ later[:2, :2].T + later[:2, 2]
            _fill_outside(moved, corners, frame, filling.colour)
    return np.asarray(moved).reshape(height, width, channels)


def _mirrors(matrix: Matrix, width: int, height: int) -> bool:
    """Return whether a movement is a flip or none, which maps the picture's frame on itself."""
    (a, b, x), (c, d, y) = matrix[:2].tolist()
    return b == c == 0 and (a, x) in ((1, 0), (-1, width)) and (d, y) in ((1, 0), (-1, height))


def _fill_outside(
    image: NDArray[np.uint8],
    corners: NDArray[np.float64],
    frame: NDArray[np.float64],
    colour: tuple[int, int, int, int],
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
        cv2.fillConvexPoly(image, fixed, colour, shift=4)
