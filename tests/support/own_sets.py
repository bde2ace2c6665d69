"""Small sets of an object with seven keypoints, as CVAT and Ultralytics have them."""

import json

import cv2
import numpy as np

NAMES = ("tip", "left_wing", "right_wing", "left_base", "right_base", "middle", "tail end")
BONES = ((0, 5), (1, 5), (2, 5), (5, 3), (5, 4), (5, 6))
PLACES = np.array([(48, 8), (72, 30), (24, 30), (66, 74), (30, 74), (48, 46), (48, 88)], float)
SIDE = 96


def picture(path, places=PLACES, seed=0):
    """Draw the object and write the picture."""
    image = np.random.default_rng(seed).integers(90, 160, (SIDE, SIDE, 3)).astype(np.uint8)
    points = np.rint(places).astype(int).tolist()
    for a, b in BONES:
        cv2.line(image, points[a], points[b], (20, 40, 220), 3)
    for number, point in enumerate(points):
        cv2.circle(image, point, 3, (255 - 30 * number, 30 * number, 60), -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)


def moved(number):
    """Return the places of the keypoints in one of the pictures."""
    return PLACES + (np.array([(number * 5) % 9, (number * 3) % 7]) - (4, 3))


def cvat(root, count=6, names=NAMES, order=None, boxes=True):
    """Make a set as CVAT exports it: annotations/person_keypoints_default.json, images/default/."""
    order = list(range(len(names))) if order is None else order
    images, annotations = [], []
    for number in range(1, count + 1):
        picture(root / f"images/default/{number}.png", moved(number), number)
        images.append({"id": number, "file_name": f"{number}.png", "width": SIDE, "height": SIDE})
        points = np.concatenate([moved(number), np.full((7, 1), 2.0)], axis=1)[order]
        annotation = {"id": number, "image_id": number, "category_id": 1, "iscrowd": 0}
        annotation |= {"keypoints": points.ravel().tolist(), "num_keypoints": len(points)}
        annotations.append(annotation | ({"bbox": [8, 2, 80, 92]} if boxes else {}))
    category = {"id": 1, "name": "arrow", "keypoints": [names[place] for place in order]}
    places = {place: number + 1 for number, place in enumerate(order)}
    category["skeleton"] = [[places[a], places[b]] for a, b in BONES]
    path = root / "annotations/person_keypoints_default.json"
    path.parent.mkdir(parents=True)
    data = {"images": images, "annotations": annotations, "categories": [category]}
    path.write_text(json.dumps(data))
    return root


def yolo_pose(root, train=6, val=2, numbers=3, extra="", suffix=".jpg"):
    """Make a YOLO-pose set: data.yaml, images/train, labels/train and so on."""
    for split, count in (("train", train), ("val", val)):
        for number in range(1, count + 1):
            picture(root / f"images/{split}/{number}{suffix}", moved(number), number)
            points = moved(number) / SIDE
            if numbers == 3:
                points = np.concatenate([points, np.full((7, 1), 2.0)], axis=1)
            values = [0.5, 0.5, 80 / SIDE, 92 / SIDE, *points.ravel()]
            label = root / f"labels/{split}/{number}.txt"
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text("0 " + " ".join(f"{value:.6f}" for value in values) + "\n")
    (root / "data.yaml").write_text(
        f"path: ../datasets/arrows\ntrain: images/train\nval: images/val\n"
        f"kpt_shape: [7, {numbers}]\nflip_idx: [0, 2, 1, 4, 3, 5, 6]\nnames:\n  0: arrow\n{extra}"
    )
    return root
