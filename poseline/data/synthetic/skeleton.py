"""An articulated body: poses sampled within human limits, in three dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_DEG = np.pi / 180


@dataclass(frozen=True)
class Body:
    """A posed body in its own units: 1 is the standing height.

    Attributes:
        joints: Name to (3,): x to the viewer's right, y up, z towards the viewer. Names are those
            of COCO's keypoints, and neck, pelvis, head, hands and toes (`left_hand`, …).
        facing: z of the direction that the face looks in, from -1 (away) to 1 (to the viewer).
    """

    joints: dict[str, Array]
    facing: float


# Mean, and standard deviation, of limb angles in degrees for kinds of poses: thigh swing forward,
# knee bend, upper-arm swing forward, upper-arm lift to the side, elbow bend, torso lean forward.
_KINDS: dict[str, tuple[tuple[float, float], ...]] = {
    "stand": ((0, 8), (5, 6), (0, 15), (12, 10), (20, 20), (0, 5)),
    "walk": ((0, 28), (25, 18), (0, 30), (10, 8), (35, 20), (5, 5)),
    "sit": ((85, 10), (85, 15), (30, 25), (15, 12), (60, 30), (5, 12)),
    "reach": ((0, 12), (8, 8), (20, 50), (110, 45), (40, 40), (0, 10)),
    "bend": ((20, 15), (20, 20), (60, 35), (15, 12), (20, 20), (55, 20)),
    "jump": ((25, 35), (50, 35), (20, 60), (80, 45), (45, 35), (5, 12)),
    "crouch": ((95, 20), (110, 20), (60, 30), (25, 15), (60, 30), (35, 15)),
}
_SHARES = (0.22, 0.2, 0.13, 0.2, 0.09, 0.1, 0.06)


def sample(random: np.random.Generator) -> Body:
    """Draw a body: proportions, a kind of pose, joint angles, and the direction it faces."""
    kind = _KINDS[str(random.choice(list(_KINDS), p=_SHARES))]
    size = dict(zip(_PARTS, _LENGTHS * random.normal(1, 0.06, len(_PARTS)), strict=True))
    swing, knee, forward, lift, elbow, lean = kind
    torso = _turn("x", random.normal(*lean) * _DEG) @ _turn("z", random.normal(0, 6) * _DEG)
    joints = {"pelvis": np.zeros(3), "neck": torso @ [0, size["torso"], 0]}
    twist = torso @ _turn("y", random.normal(0, 12) * _DEG)
    head = twist @ _turn("y", random.normal(0, 25) * _DEG) @ _turn("x", random.normal(0, 12) * _DEG)
    joints["head"] = joints["neck"] + head @ [0, size["neck"] + size["head"], size["head"] * 0.15]
    radius = size["head"]
    for name, place in _FACE.items():
        joints[name] = joints["head"] + head @ (np.asarray(place) * radius)
    for side, sign in (("left", 1), ("right", -1)):
        hip = np.array([sign * size["hips"], 0, 0])
        thigh = _turn("x", -random.normal(*swing) * _DEG)
        thigh = _turn("z", sign * abs(random.normal(4, 7)) * _DEG) @ thigh
        bend = np.clip(random.normal(*knee), 0, 140) * _DEG
        joints[f"{side}_hip"] = hip
        joints[f"{side}_knee"] = hip + thigh @ [0, -size["thigh"], 0]
        shin = thigh @ _turn("x", bend)
        joints[f"{side}_ankle"] = joints[f"{side}_knee"] + shin @ [0, -size["shin"], 0]
        toes = shin @ [sign * 0.012, -0.03, size["foot"]]
        joints[f"{side}_toes"] = joints[f"{side}_ankle"] + toes
        shoulder = joints["neck"] + twist @ [sign * size["shoulders"], -0.02, 0]
        up = np.clip(random.normal(*lift), 0, 175) * _DEG
        arm = twist @ _turn("z", sign * up) @ _turn("x", -random.normal(*forward) * _DEG)
        arm = arm @ _turn("y", sign * random.normal(0, 25) * _DEG)
        bend = np.clip(random.normal(*elbow), 0, 145) * _DEG
        joints[f"{side}_shoulder"] = shoulder
        joints[f"{side}_elbow"] = shoulder + arm @ [0, -size["arm"], 0]
        fore = arm @ _turn("x", -bend)
        joints[f"{side}_wrist"] = joints[f"{side}_elbow"] + fore @ [0, -size["forearm"], 0]
        joints[f"{side}_hand"] = joints[f"{side}_wrist"] + fore @ [0, -0.05, 0]
    yaw = random.choice([0, 180, random.uniform(-180, 180)], p=[0.45, 0.15, 0.4])
    view = _turn("x", random.normal(3, 7) * _DEG) @ _turn("y", (yaw + random.normal(0, 20)) * _DEG)
    view = _turn("z", random.normal(0, 5) * _DEG) @ view
    return Body({name: view @ place for name, place in joints.items()}, (view @ head)[2, 2])


_PARTS = ("thigh", "shin", "foot", "torso", "neck", "head", "shoulders", "hips", "arm", "forearm")
# Segment lengths as shares of the height, after Drillis & Contini 1966.
_LENGTHS = np.array([0.245, 0.246, 0.09, 0.288, 0.03, 0.07, 0.115, 0.065, 0.172, 0.15])
# In radii of the head from its centre; the face looks along z, the left is the viewer's right.
_FACE = {
    "nose": (0, -0.05, 1.0),
    "left_eye": (0.36, 0.15, 0.9),
    "right_eye": (-0.36, 0.15, 0.9),
    "left_ear": (0.9, 0.0, 0.05),
    "right_ear": (-0.9, 0.0, 0.05),
}


def _turn(axis: str, angle: float) -> Array:
    """Rotation matrix about x, y or z by an angle in radians."""
    c, s = np.cos(angle), np.sin(angle)
    if axis == "x":
        return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    if axis == "y":
        return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
