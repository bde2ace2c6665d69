"""A body drawn as a dressed person, and which of its keypoints can be seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from poseline.data.keypoints import PERSON_17
from poseline.data.synthetic.skeleton import Body

Array = np.ndarray[Any, Any]
Colour = tuple[float, float, float]

_SHIFT = 4
_SKIN: tuple[Colour, ...] = (
    (255, 224, 196),
    (240, 194, 160),
    (214, 160, 120),
    (172, 118, 82),
    (124, 80, 56),
    (86, 56, 40),
)
_HAIR: tuple[Colour, ...] = (
    (30, 24, 20),
    (70, 46, 28),
    (120, 84, 44),
    (190, 150, 90),
    (150, 150, 150),
    (120, 40, 20),
)


@dataclass(frozen=True)
class Clothes:
    """What a person wears: colours of RGB in [0, 255], and what is covered."""

    skin: Colour
    hair: Colour
    top: Colour
    bottom: Colour
    shoes: Colour
    accent: Colour
    long_sleeves: bool
    trousers: bool
    skirt: bool
    long_hair: bool
    hat: bool
    pattern: str
    girth: float


def dress(random: np.random.Generator) -> Clothes:
    """Draw clothes."""
    skirt = bool(random.random() < 0.15)
    return Clothes(
        skin=_near(random, _SKIN[random.integers(len(_SKIN))]),
        hair=_near(random, _HAIR[random.integers(len(_HAIR))]),
        top=_vivid(random),
        bottom=_vivid(random),
        shoes=_vivid(random),
        accent=_vivid(random),
        long_sleeves=bool(random.random() < 0.5),
        trousers=bool(not skirt and random.random() < 0.7),
        skirt=skirt,
        long_hair=bool(random.random() < 0.35),
        hat=bool(random.random() < 0.12),
        pattern=str(random.choice(["plain", "stripes", "block"], p=[0.6, 0.25, 0.15])),
        girth=float(np.clip(random.normal(1, 0.16), 0.7, 1.5)),
    )


def draw(image: Array, parts: Array, body: Body, clothes: Clothes, place: Array) -> Array:
    """Draw a person and return where the keypoints are.

    Args:
        image: (h, w, 3) uint8 RGB, changed in place.
        parts: (h, w) uint8, changed in place: 0 where nothing of this person is seen, else the
            part; whatever is drawn on top later sets it to 255.
        body: The pose.
        clothes: What is worn.
        place: Scale in px per body height, x and y in px of the pelvis: (3,).

    Returns:
        (17, 3): x, y in px and v as COCO has it: 2 visible, 1 hidden by the person's own body,
        0 outside of the picture or, in a face, on the side that is turned away.
    """
    scale = float(place[0])
    depth = {name: float(joint[2]) for name, joint in body.joints.items()}
    points = {
        name: np.array([place[1] + joint[0] * scale, place[2] - joint[1] * scale])
        for name, joint in body.joints.items()
    }
    brush = _Brush(image, parts, points, scale * clothes.girth)
    strokes = [*_limbs(brush, clothes, depth), _torso(brush, clothes, depth)]
    strokes.append((depth["head"] + 0.02, lambda: _head(brush, body, clothes, scale)))
    for _, stroke in sorted(strokes, key=lambda item: item[0]):
        stroke()
    return _keypoints(points, body, parts)


class _Brush:
    """Draws parts in both the picture and the map of parts."""

    def __init__(self, image: Array, parts: Array, points: dict[str, Array], scale: float) -> None:
        self.image, self.parts, self.points, self.scale = image, parts, points, scale

    def limb(
        self,
        start: str,
        end: str,
        widths: tuple[float, float],
        colour: Colour,
        part: int,
        cut: float = 1.0,
    ) -> None:
        """Draw a tapered capsule from one joint towards another, `cut` of the way."""
        a, b = self.points[start], self.points[end]
        b = a + (b - a) * cut
        r0, r1 = (max(w * self.scale / 2, 0.8) for w in widths)
        along = b - a
        length = max(float(np.hypot(*along)), 1e-6)
        across = np.array([-along[1], along[0]]) / length
        outline = np.array([a + across * r0, b + across * r1, b - across * r1, a - across * r0])
        self.polygon(outline, colour, part)
        self.disc(a, r0, colour, part)
        self.disc(b, r1, colour, part)
        light = tuple(min(c * 1.15 + 8, 255) for c in colour)
        middle = np.array(
            [
                a + across * r0 * 0.1,
                b + across * r1 * 0.1,
                b - across * r1 * 0.6,
                a - across * r0 * 0.6,
            ]
        )
        cv2.fillConvexPoly(self.image, _fixed(middle), light, cv2.LINE_AA, _SHIFT)

    def polygon(self, outline: Array, colour: Colour, part: int) -> None:
        cv2.fillPoly(self.image, [_fixed(outline)], colour, cv2.LINE_AA, _SHIFT)
        cv2.fillPoly(self.parts, [_fixed(outline)], part, cv2.LINE_8, _SHIFT)

    def disc(self, centre: Array, radius: float, colour: Colour, part: int) -> None:
        at, r = tuple(int(v) for v in _fixed(centre)), int(radius * 2**_SHIFT)
        cv2.circle(self.image, at, r, colour, -1, cv2.LINE_AA, _SHIFT)
        cv2.circle(self.parts, at, r, part, -1, cv2.LINE_8, _SHIFT)


HEAD, TORSO = 1, 2
_LIMB_PARTS = {"left_arm": 3, "right_arm": 4, "left_leg": 5, "right_leg": 6}


def _limbs(brush: _Brush, clothes: Clothes, depth: dict[str, float]) -> list[tuple[float, Any]]:
    strokes = []
    for side in ("left", "right"):
        arm, leg = _LIMB_PARTS[f"{side}_arm"], _LIMB_PARTS[f"{side}_leg"]
        sleeve = clothes.top if clothes.long_sleeves else clothes.skin
        cover = clothes.bottom if clothes.trousers else clothes.skin

        def upper(side: str = side, arm: int = arm, sleeve: Colour = sleeve) -> None:
            joints = (f"{side}_shoulder", f"{side}_elbow")
            brush.limb(*joints, (0.065, 0.05), sleeve, arm)
            brush.limb(*joints, (0.075, 0.065), clothes.top, arm, cut=0.45)

        def fore(side: str = side, arm: int = arm, sleeve: Colour = sleeve) -> None:
            brush.limb(f"{side}_wrist", f"{side}_hand", (0.036, 0.045), clothes.skin, arm)
            brush.limb(f"{side}_elbow", f"{side}_wrist", (0.05, 0.036), sleeve, arm)

        def thigh(side: str = side, leg: int = leg, cover: Colour = cover) -> None:
            joints = (f"{side}_hip", f"{side}_knee")
            brush.limb(*joints, (0.105, 0.075), cover, leg)
            brush.limb(*joints, (0.115, 0.1), clothes.bottom, leg, cut=0.5)

        def shin(side: str = side, leg: int = leg, cover: Colour = cover) -> None:
            brush.limb(f"{side}_ankle", f"{side}_toes", (0.05, 0.035), clothes.shoes, leg)
            brush.limb(f"{side}_knee", f"{side}_ankle", (0.075, 0.045), cover, leg)

        for start, end, stroke in (
            ("shoulder", "elbow", upper),
            ("elbow", "wrist", fore),
            ("hip", "knee", thigh),
            ("knee", "ankle", shin),
        ):
            strokes.append(((depth[f"{side}_{start}"] + depth[f"{side}_{end}"]) / 2, stroke))
    return strokes


def _torso(brush: _Brush, clothes: Clothes, depth: dict[str, float]) -> tuple[float, Any]:
    def stroke() -> None:
        p, r = brush.points, 0.045 * brush.scale
        hips = [p["right_hip"], p["left_hip"]]
        outline = np.array([p["left_shoulder"], p["right_shoulder"], *hips])
        hull = cv2.convexHull(_inflate(outline, r).astype(np.float32))[:, 0]
        brush.limb("neck", "head", (0.06, 0.06), clothes.skin, TORSO)
        brush.polygon(hull, clothes.top, TORSO)
        if clothes.pattern != "plain":
            _pattern(brush, hull, clothes)
        low = [h + (p["left_shoulder"] - p["left_hip"]) * 0.15 for h in hips]
        belt = cv2.convexHull(_inflate(np.array([*hips, *low]), r).astype(np.float32))[:, 0]
        brush.polygon(belt, clothes.bottom, TORSO)
        if clothes.skirt:
            knees = [
                p["left_knee"] * 0.6 + p["left_hip"] * 0.4,
                p["right_knee"] * 0.6 + p["right_hip"] * 0.4,
            ]
            cloth = _inflate(np.array([*hips, *knees]), r * 1.4).astype(np.float32)
            brush.polygon(cv2.convexHull(cloth)[:, 0], clothes.bottom, TORSO)

    return (depth["neck"] + depth["pelvis"]) / 2, stroke


def _pattern(brush: _Brush, hull: Array, clothes: Clothes) -> None:
    mask = np.zeros(brush.parts.shape, np.uint8)
    cv2.fillPoly(mask, [_fixed(hull)], 1, cv2.LINE_8, _SHIFT)
    rows = np.arange(mask.shape[0])
    if clothes.pattern == "stripes":
        period = max(0.05 * brush.scale, 3)
        chosen = (rows / period).astype(int) % 2 == 0
    else:
        chosen = rows > hull[:, 1].mean()
    brush.image[(mask > 0) & chosen[:, None]] = clothes.accent


def _head(brush: _Brush, body: Body, clothes: Clothes, scale: float) -> None:
    p, centre, radius = brush.points, brush.points["head"], 0.072 * scale
    face = body.joints["nose"][2] - body.joints["head"][2]
    if clothes.long_hair:
        brush.disc(centre + np.array([0, radius * 0.5]), radius * 1.15, clothes.hair, HEAD)
    brush.disc(centre, radius * 1.05, clothes.hair, HEAD)
    if face > -0.03:
        toward = (p["nose"] - centre) * 0.32 + [0, radius * 0.14]
        brush.disc(centre + toward, radius * 0.9, clothes.skin, HEAD)
        dark: Colour = (30, 25, 25)
        for eye in ("left_eye", "right_eye"):
            if body.joints[eye][2] > body.joints["head"][2] - 0.01:
                brush.disc(p[eye], max(radius * 0.14, 0.6), dark, HEAD)
        nose: Colour = tuple(c * 0.8 for c in clothes.skin)  # type: ignore[assignment]
        brush.disc(p["nose"], max(radius * 0.14, 0.6), nose, HEAD)
    for ear in ("left_ear", "right_ear"):
        if not clothes.long_hair and body.joints[ear][2] > body.joints["head"][2] - 0.02:
            brush.disc(p[ear], max(radius * 0.2, 0.7), clothes.skin, HEAD)
    if clothes.hat:
        brim = np.array([[-1.3, -0.45], [1.3, -0.45], [0.95, -1.25], [-0.95, -1.25]]) * radius
        brush.polygon(centre + brim, clothes.accent, HEAD)


def _keypoints(points: dict[str, Array], body: Body, parts: Array) -> Array:
    """Return COCO's keypoints; one is visible where the map shows its own part at its place."""
    height, width = parts.shape
    found = np.zeros((len(PERSON_17), 3))
    for index, name in enumerate(PERSON_17.names):
        x, y = points[name]
        if not (0 <= x < width and 0 <= y < height):
            continue
        side, _, joint = name.partition("_")
        if joint in ("shoulder", "hip"):
            own: tuple[int, ...] = (TORSO, *_LIMB_PARTS.values())
        elif joint in ("elbow", "wrist"):
            own = (_LIMB_PARTS[f"{side}_arm"],)
        elif joint in ("knee", "ankle"):
            own = (_LIMB_PARTS[f"{side}_leg"],)
        else:
            own = (HEAD,)
            if body.joints[name][2] < body.joints["head"][2] - 0.02:
                continue
        found[index] = x, y, 2 if parts[int(y), int(x)] in own else 1
    return found


def _inflate(points: Array, radius: float) -> Array:
    """Return the corners of squares around the points; their hull is a rounded outline."""
    offsets = np.array(
        [[1, 0.4], [0.4, 1], [-0.4, 1], [-1, 0.4], [-1, -0.4], [-0.4, -1], [0.4, -1], [1, -0.4]]
    )
    return (points[:, None] + offsets * radius).reshape(-1, 2)


def _fixed(points: Array) -> Array:
    # Half a pixel less: OpenCV counts from a pixel's centre, COCO from its corner.
    return np.asarray(np.rint((np.asarray(points) - 0.5) * 2**_SHIFT), np.int32)


def _vivid(random: np.random.Generator) -> Colour:
    if random.random() < 0.35:
        grey = random.uniform(20, 235)
        return tuple(np.clip(grey + random.normal(0, 12, 3), 0, 255))
    return tuple(random.uniform(10, 245, 3))


def _near(random: np.random.Generator, colour: Colour) -> Colour:
    return tuple(np.clip(np.asarray(colour) * random.normal(1, 0.05), 0, 255))
