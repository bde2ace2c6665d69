"""A whole picture: background, persons, what stands before them, and the camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from poseline.data.synthetic import figure, skeleton

Array = np.ndarray[Any, Any]

_HIDDEN = 255


@dataclass(frozen=True)
class Person:
    """A person of a picture.

    Attributes:
        keypoints: (17, 3): x, y in px, v of COCO.
        box: x, y of the corner, width, height of the visible body in px.
        area: Pixels of the visible body.
    """

    keypoints: Array
    box: tuple[float, float, float, float]
    area: int


def paint(
    random: np.random.Generator, size: tuple[int, int], persons: int
) -> tuple[Array, list[Person]]:
    """Paint a picture of up to `persons` people, at least one.

    Args:
        random: Source of every draw.
        size: Width and height in px.
        persons: Most people in it.

    Returns:
        (h, w, 3) uint8 RGB, and the people in it with at least three visible keypoints.
    """
    width, height = size
    image = _background(random, width, height)
    for _ in range(random.integers(2, 8)):
        _clutter(random, image)
    count = 1 if persons == 1 else int(random.integers(1, persons + 1))
    drawn: list[tuple[Array, Array]] = []
    for _ in range(count):
        body, clothes = skeleton.sample(random), figure.dress(random)
        parts = np.zeros((height, width), np.uint8)
        place = _place(random, body, width, height, crowd=count > 1)
        keypoints = figure.draw(image, parts, body, clothes, place)
        for _, earlier in drawn:
            earlier[parts > 0] = _HIDDEN
        drawn.append((keypoints, parts))
    if random.random() < 0.35:
        covered = np.zeros((height, width), np.uint8)
        _occlude(random, image, covered)
        for _, parts in drawn:
            parts[covered > 0] = _HIDDEN
    found = [person for k, p in drawn if (person := _person(random, k, p))]
    if not found:
        return paint(random, size, persons)
    return _camera(random, image), found


def _place(
    random: np.random.Generator, body: skeleton.Body, width: int, height: int, crowd: bool
) -> Array:
    """Choose scale and place such that most, but not always all, of the body is in the picture."""
    joints = np.array(list(body.joints.values()))
    low, high = joints[:, :2].min(axis=0), joints[:, :2].max(axis=0)
    extent = np.maximum(high - low + 0.1, 0.3)
    fill = random.uniform(0.3, 0.75) if crowd else random.uniform(0.45, 1.05)
    scale = min(width / extent[0], height / extent[1]) * fill
    room = np.maximum(np.array([width, height]) - extent * scale, 0)
    slack = 0.08 * scale
    corner = np.array(
        [random.uniform(-slack, room[0] + slack), random.uniform(-slack, room[1] + slack)]
    )
    return np.array(
        [scale, corner[0] - (low[0] - 0.05) * scale, corner[1] + (high[1] + 0.05) * scale]
    )


def _person(random: np.random.Generator, keypoints: Array, parts: Array) -> Person | None:
    """Apply what covers a person to its keypoints; None where too little is left to see."""
    for point in keypoints:
        if point[2] and parts[int(point[1]), int(point[0])] == _HIDDEN:
            # Annotators guess most hidden joints, and leave some out.
            point[:] = (*point[:2], 1) if random.random() < 0.6 else (0, 0, 0)
    rows, columns = np.nonzero((parts > 0) & (parts != _HIDDEN))
    if (keypoints[:, 2] == 2).sum() < 3 or len(rows) < 60:
        return None
    x, y = float(columns.min()), float(rows.min())
    box = (x, y, float(columns.max() + 1 - x), float(rows.max() + 1 - y))
    return Person(keypoints, box, len(rows))


def _background(random: np.random.Generator, width: int, height: int) -> Array:
    base = random.uniform(20, 235, 3)
    coarse = base + random.normal(
        0, random.uniform(5, 55), (random.integers(2, 12), random.integers(2, 12), 3)
    )
    image = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    if random.random() < 0.6:
        fine = random.normal(0, random.uniform(2, 18), (height // 3, width // 3, 3)).astype(
            np.float32
        )
        image += cv2.resize(fine, (width, height))
    if random.random() < 0.4:
        horizon = int(height * random.uniform(0.4, 0.85))
        image[horizon:] = image[horizon:] * 0.4 + random.uniform(20, 235, 3) * 0.6
    if random.random() < 0.3:
        angle, period = random.uniform(0, np.pi), random.uniform(6, 40)
        y, x = np.mgrid[:height, :width].astype(np.float32)
        wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period)
        image += (wave > 0)[..., None] * random.normal(0, 30, 3)
    return np.ascontiguousarray(np.clip(image, 0, 255).astype(np.uint8))


def _clutter(random: np.random.Generator, image: Array) -> None:
    """Draw things that are nobody: boxes, discs, and bars of a limb's size and colour."""
    height, width = image.shape[:2]
    colour = tuple(random.uniform(0, 255, 3))
    at = tuple(int(v) for v in random.uniform(0, 1, 2) * (width, height))
    size = random.uniform(0.03, 0.25) * min(width, height)
    match random.integers(4):
        case 0:
            to = tuple(int(a + random.normal(0, 1) * size * 1.5) for a in at)
            cv2.rectangle(image, at, to, colour, -1)
        case 1:
            cv2.circle(image, at, int(size / 2), colour, -1, cv2.LINE_AA)
        case 2:
            to = tuple(int(a + random.normal(0, 1) * size * 2) for a in at)
            cv2.line(image, at, to, colour, max(int(size / 5), 1), cv2.LINE_AA)
        case _:
            skin = figure._SKIN[random.integers(len(figure._SKIN))]
            to = tuple(int(a + random.normal(0, 1) * size) for a in at)
            cv2.line(image, at, to, skin, max(int(size / 4), 2), cv2.LINE_AA)


def _occlude(random: np.random.Generator, image: Array, covered: Array) -> None:
    """Put a post, a box or a leafy patch before the persons."""
    height, width = image.shape[:2]
    colour = tuple(random.uniform(0, 255, 3))
    side = random.uniform(0.1, 0.3)
    x, y = (random.uniform(0, 1, 2) * (width, height)).astype(int)
    match random.integers(3):
        case 0:
            half = max(int(width * side / 4), 2)
            shape = ((int(x - half), 0), (int(x + half), height))
        case 1:
            w, h = int(width * side), int(height * side)
            shape = ((int(x - w / 2), int(y - h / 2)), (int(x + w / 2), int(y + h / 2)))
        case _:
            for _ in range(12):
                centre = tuple(int(v) for v in random.normal((x, y), width * side / 3))
                radius = int(random.uniform(3, width * side / 5 + 4))
                cv2.circle(image, centre, radius, colour, -1, cv2.LINE_AA)
                cv2.circle(covered, centre, radius, 1, -1)
            return
    cv2.rectangle(image, *shape, colour, -1)
    cv2.rectangle(covered, *shape, 1, -1)


def _camera(random: np.random.Generator, image: Array) -> Array:
    """Light, focus and noise of a camera."""
    height, width = image.shape[:2]
    left, right = random.uniform(0.7, 1.25, 2)
    light = np.linspace(left, right, width, dtype=np.float32)[None, :, None]
    tint = random.uniform(0.9, 1.1, 3).astype(np.float32)
    result = image * (light * tint)
    if random.random() < 0.4:
        result = cv2.GaussianBlur(result, (0, 0), random.uniform(0.4, 1.3))
    noise = random.standard_normal((height, width, 1), np.float32) * np.float32(
        random.uniform(1, 9)
    )
    return np.asarray(np.clip(result + noise, 0, 255), np.uint8)
