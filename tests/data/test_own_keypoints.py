"""Sets of keypoints that nobody else has: from their files to what every reader sees."""

import json

import cv2
import numpy as np
import pytest
from support.own_sets import BONES, NAMES, PLACES, SIDE, cvat, moved, picture, yolo_pose

from poseline.config.models.config import Config
from poseline.config.models.keypoints import KeypointDefinition
from poseline.data.definitions import agreed, defined, unnamed
from poseline.data.keypoints import PERSON_13, PERSON_17, WHOLE_BODY_133, canonical, side_of
from poseline.data.pack import pack
from poseline.data.set_file import read_set_file, set_file_text
from poseline.data.set_points import points_of
from poseline.data.shards import samples_of
from poseline.data.yolo import list_samples, read_label
from poseline.errors import DataError
from poseline.stages import convert

OWN = KeypointDefinition(names=NAMES)


def run(root, tmp_path, keypoints=None, **settings):
    config = Config.model_validate(
        {"dataset": {"keypoints": keypoints}, "conversion": {"path": "-", **settings}}
    )
    return convert.run(config, {"source": root}, tmp_path / "out")


def poses_of(result, split="train"):
    samples = list_samples(result.out / split)
    points = points_of(result.out / split, samples)
    return points, {s.image.stem: read_label(s.label, len(points)) for s in samples}


@pytest.mark.parametrize("make", [cvat, yolo_pose])
def test_a_set_says_itself_which_keypoints_it_has(tmp_path, make):
    extra = {} if make is cvat else {"extra": f"kpt_names: {json.dumps({0: NAMES})}\n"}
    result = run(make(tmp_path / "set", **extra), tmp_path)
    points, poses = poses_of(result)
    assert points.names == NAMES
    assert [points.names[place] for place in points.flip] == [
        *("tip", "right_wing", "left_wing", "right_base", "left_base", "middle", "tail end")
    ]
    assert points.skeleton == (BONES if make is cvat else ())
    assert len(poses) == 6
    np.testing.assert_allclose(poses["3"].keypoints[0, :, :2] * SIDE, moved(3), atol=1e-3)
    assert result.summary["names"] == list(NAMES)
    packed = pack(result.out / "train", tmp_path / "packed")
    assert (
        packed.points == points == points_of(tmp_path / "packed", samples_of(tmp_path / "packed"))
    )


def test_keypoints_are_matched_by_a_definitions_names_and_may_be_fewer(tmp_path):
    root = cvat(tmp_path / "set", order=[3, 1, 0, 2, 6, 5, 4])
    wanted = {"names": ["Tip", "tail-end", "base_l"], "skeleton": [[0, 1]], "sigmas": 0.08}
    points, poses = poses_of(run(root, tmp_path, wanted))
    assert points.sigmas == (0.08,) * 3
    np.testing.assert_allclose(
        poses["2"].keypoints[0, :, :2] * SIDE, moved(2)[[0, 6, 3]], atol=1e-3
    )


def test_a_definition_with_a_name_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    with pytest.raises(DataError, match=r"nose is missing; the category has tip, left_wing") as e:
        run(cvat(tmp_path / "set"), tmp_path, {"names": ["tip", "nose"]})
    assert "leave dataset.keypoints" in e.value.remedy
    with pytest.raises(DataError, match=r"left_eye, .*missing; the category has tip"):
        run(tmp_path / "set", tmp_path, 17)


def test_a_known_set_in_another_order_is_brought_into_its_own(tmp_path):
    names = list(PERSON_17.names)
    category = {"id": 1, "name": "person", "keypoints": names[::-1]}
    places = np.stack([np.linspace(4, 60, 17), np.linspace(6, 50, 17), np.full(17, 2)], axis=1)
    _json(tmp_path / "set", category, [{"bbox": [2, 2, 60, 60], "keypoints": places[::-1].ravel()}])
    points, poses = poses_of(run(tmp_path / "set", tmp_path))
    assert points == PERSON_17
    np.testing.assert_allclose(poses["1"].keypoints[0, :, :2] * SIDE, places[:, :2], atol=1e-3)


def _json(root, category, persons):
    picture(root / "1.jpg")
    persons = [
        {**p, "keypoints": [float(v) for v in p["keypoints"]], "image_id": 1, "category_id": 1}
        for p in persons
    ]
    image = {"id": 1, "file_name": "1.jpg", "width": SIDE, "height": SIDE}
    data = {"images": [image], "annotations": persons, "categories": [category]}
    (root / "labels.json").write_text(json.dumps(data))


def test_whole_bodies_are_read_as_their_set_has_them(tmp_path):
    places = np.stack([np.linspace(4, 90, 133), np.linspace(90, 4, 133), np.full(133, 1)], axis=1)
    flat = places.ravel().tolist()
    parts = {"keypoints": 17, "foot_kpts": 6, "face_kpts": 68, "lefthand_kpts": 21}
    parts["righthand_kpts"] = 21
    person, start = {"bbox": [2, 2, 90, 90]}, 0
    for key, count in parts.items():
        person[key] = flat[3 * start : 3 * (start + count)]
        start += count
    category = {"id": 1, "name": "person", "keypoints": list(PERSON_17.names)}
    _json(tmp_path / "set", category, [person])
    points, poses = poses_of(run(tmp_path / "set", tmp_path, 133))
    assert points == WHOLE_BODY_133
    np.testing.assert_allclose(poses["1"].keypoints[0, :, :2] * SIDE, places[:, :2], atol=1e-3)


def test_one_keypoint_is_a_set_too_and_a_box_is_put_around_it(tmp_path):
    category = {"id": 1, "name": "ball", "keypoints": ["centre"]}
    _json(tmp_path / "set", category, [{"keypoints": [48, 24, 2]}])
    result = run(tmp_path / "set", tmp_path)
    _, poses = poses_of(result)
    assert result.summary["counts"]["train"]["box_from_keypoints"] == 1
    np.testing.assert_allclose(poses["1"].boxes, [[0.5, 0.25, 0.1, 0.1]], atol=1e-5)


def test_a_missing_box_is_put_around_the_labelled_keypoints(tmp_path):
    result = run(cvat(tmp_path / "set", boxes=False), tmp_path)
    _, poses = poses_of(result)
    low, high = moved(1).min(axis=0), moved(1).max(axis=0)
    margin = 0.1 * (high - low).max()
    low, high = np.maximum(low - margin, 0), np.minimum(high + margin, SIDE)
    box = np.concatenate([(low + high) / 2, high - low]) / SIDE
    np.testing.assert_allclose(poses["1"].boxes[0], box, atol=1e-5)
    assert result.summary["counts"]["train"]["box_from_keypoints"] == 6


@pytest.mark.parametrize("numbers", [2, 3])
def test_yolo_pose_sets_are_read(tmp_path, numbers):
    root = yolo_pose(tmp_path / "set", numbers=numbers, suffix=".png")
    if numbers == 2:
        label = root / "labels/train/1.txt"
        values = label.read_text().split()
        values[5:7] = ["0", "0"]
        label.write_text(" ".join(values))
    result = run(root, tmp_path)
    points, poses = poses_of(result)
    assert not points.named
    assert points.flip == (0, 2, 1, 4, 3, 5, 6)
    assert len(poses) == 6
    assert len(list_samples(result.out / "val")) == 2
    np.testing.assert_allclose(poses["2"].keypoints[0, :, :2] * SIDE, moved(2), atol=1e-3)
    np.testing.assert_allclose(poses["2"].boxes[0, 2:], [80 / SIDE, 92 / SIDE], atol=1e-5)
    assert poses["1"].keypoints[0, :, 2].tolist() == [float(numbers == 3), *[1.0] * 6]


def test_a_definition_gives_names_to_the_points_of_a_yolo_pose_set(tmp_path):
    points, _ = poses_of(run(yolo_pose(tmp_path / "set"), tmp_path, {"names": NAMES}))
    assert points.names == NAMES
    with pytest.raises(DataError, match=r"7 keypoints without names.*3 keypoints"):
        run(tmp_path / "set", tmp_path / "b", {"names": ["a", "b", "c"]})


def test_several_classes_of_a_yolo_pose_set_are_chosen_from(tmp_path):
    root = yolo_pose(tmp_path / "set", extra="  1: kite\n")
    label = root / "labels/train/1.txt"
    label.write_text("1" + label.read_text()[1:])
    with pytest.raises(DataError, match=r"classes arrow \(0\), kite \(1\)"):
        run(root, tmp_path)
    kites = run(root, tmp_path, category="kite")
    assert kites.summary["counts"]["train"]["kept"] == 1
    assert kites.summary["counts"]["train"]["other_category"] == 5


def test_what_is_wrong_in_a_yolo_pose_label_is_counted(tmp_path):
    root = yolo_pose(tmp_path / "set")
    (root / "labels/train/1.txt").write_text("0 a b\n")
    (root / "labels/train/2.txt").write_text("0 0.5 0.5 0.1 0.1 0.5 0.5 1\n")
    pixels = " ".join(["0", "48", "48", "80", "92", *["40 50 2"] * 7])
    (root / "labels/train/3.txt").write_text(pixels)
    (root / "labels/train/4.txt").unlink()
    counts = run(root, tmp_path).summary["counts"]["train"]
    assert counts["kept"] == 2
    for reason in ("malformed", "other_number_of_keypoints", "not_shares"):
        assert counts[reason] == 1
    assert counts["no_person"] == 4
    assert counts["no_label"] == 1


@pytest.mark.parametrize("written", ["inf", "-inf", "nan", "1e400", "-1", "0.5", "arrow"])
def test_a_class_is_a_whole_number_from_zero(tmp_path, written):
    root = yolo_pose(tmp_path / "set", train=2, val=1)
    label = root / "labels/train/1.txt"
    label.write_text(written + label.read_text()[1:])
    counts = run(root, tmp_path).summary["counts"]["train"]
    assert (counts["kept"], counts["malformed"]) == (1, 1)


def _replace(path, old, new):
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_a_set_may_be_in_a_folder_below_its_data_yaml(tmp_path):
    root = tmp_path / "set"
    yolo_pose(root / "arrows", train=2, val=1)
    (root / "arrows/data.yaml").rename(root / "data.yaml")
    _replace(root / "data.yaml", "path: ../datasets/arrows", "path: arrows")
    assert run(root, tmp_path).metrics == {"train_kept": 2, "val_kept": 1}


def test_a_set_in_another_folder_than_its_data_yaml_is_told(tmp_path):
    yolo_pose(tmp_path / "arrows", train=1, val=1)
    root = tmp_path / "set"
    root.mkdir()
    (tmp_path / "arrows/data.yaml").rename(root / "data.yaml")
    _replace(root / "data.yaml", "../datasets/arrows", "../arrows")
    with pytest.raises(DataError) as error:
        run(root, tmp_path)
    assert str(tmp_path / "arrows") in error.value.remedy


def test_pictures_of_a_list_that_are_not_there_are_counted(tmp_path):
    root = yolo_pose(tmp_path / "set", train=2, val=1)
    _replace(root / "data.yaml", "train: images/train", "train: train.txt")
    listed = ["./images/train/1.jpg", f"{root}/images/train/2.jpg", "", "./images/train/gone.jpg"]
    (root / "train.txt").write_text("\n".join(listed))
    counts = run(root, tmp_path).summary["counts"]["train"]
    assert (counts["kept"], counts["missing"]) == (2, 1)


def test_a_training_set_without_pictures_is_told(tmp_path):
    root = yolo_pose(tmp_path / "set", train=0, val=1)
    (root / "images/train").mkdir()
    with pytest.raises(DataError, match="images/train holds no picture"):
        run(root, tmp_path)


def test_an_empty_flip_idx_says_nothing(tmp_path):
    root = yolo_pose(tmp_path / "set", train=1, val=1)
    _replace(root / "data.yaml", "[0, 2, 1, 4, 3, 5, 6]", "[]")
    points, _ = poses_of(run(root, tmp_path))
    assert points.pairs == ()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[7, 3]", "[134, 3]", "kpt_shape"),
        ("[7, 3]", "[7, 4]", "kpt_shape"),
        ("[0, 2, 1, 4, 3, 5, 6]", "[0, 2, 1]", "flip_idx: 7 places"),
        ("[0, 2, 1, 4, 3, 5, 6]", "[1, 2, 0, 4, 3, 5, 6]", "flip_idx"),
        ("names:", "kpt_names: {0: [a, b]}\nnames:", "kpt_names has 2 names"),
        ("kpt_shape: [7, 3]", "kpt_shape: [7, 3", "data.yaml"),
        ("images/train", "images/nowhere", "images/nowhere"),
    ],
)
def test_a_damaged_data_yaml_is_told(tmp_path, old, new, told):
    root = yolo_pose(tmp_path / "set")
    path = root / "data.yaml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=told) as error:
        run(root, tmp_path)
    assert error.value.remedy


def test_the_file_of_a_set_holds_all_that_is_known(tmp_path):
    own = KeypointDefinition(
        names=["a: b", "L x", "R x"], skeleton=[[0, "L x"]], sigmas=0.03, colours=["#00ff00"] * 3
    )
    for points in (defined(own), PERSON_13, WHOLE_BODY_133, unnamed(7), unnamed(17, ())):
        (tmp_path / "data.yaml").write_text(set_file_text(points))
        assert read_set_file(tmp_path / "data.yaml").points == points


def test_whole_body_mirrors_onto_itself():
    flip, names = WHOLE_BODY_133.flip, WHOLE_BODY_133.names
    assert all(flip[flip[place]] == place for place in range(133))
    partners = {"face-0": "face-16", "face-36": "face-45", "face-40": "face-47", "face-8": "face-8"}
    partners |= {"face-48": "face-54", "face-65": "face-67", "left_heel": "right_heel"}
    for name, partner in partners.items():
        assert names[flip[names.index(name)]] == partner


def test_who_disagrees_about_keypoints_is_told_with_both(tmp_path):
    own = defined(OWN)
    other = defined(KeypointDefinition(names=[*NAMES[:-1], "tail"]))
    assert agreed(None, set_=own, model=own) == own
    assert agreed(OWN, set_=unnamed(7)).names == NAMES
    assert agreed(None, set_=unnamed(17)).names == PERSON_17.names
    assert agreed(17, model=PERSON_17) == PERSON_17
    for wrong in (other, PERSON_17, unnamed(6)):
        with pytest.raises(DataError) as error:
            agreed(None, set_=wrong, model=own)
        assert f"the model: {own}" in str(error.value)
        assert f"the set: {wrong}" in str(error.value)
    with pytest.raises(DataError, match="nothing says"):
        agreed(None)


def test_sides_are_told_in_every_spelling():
    for name in ("Left Eye", "l_eye", "leftEye", "eye-left", "LEFT_EYE", "eye.L"):
        assert side_of(name) == ("left", "eye")
        assert canonical(name) == "lefteye"
    assert defined(KeypointDefinition(names=["wing.L", "wing.R", "nose"])).flip == (1, 0, 2)


def test_defaults_of_sigmas_are_coco_s_where_the_name_is():
    points = defined(KeypointDefinition(names=["nose", "Left Hip", "lever"]))
    assert points.sigmas == (0.026, 0.107, 0.05)


def test_pictures_have_the_places_that_the_labels_say(tmp_path):
    """The drawn set is what the tests take it for."""
    picture(tmp_path / "a.png")
    image = cv2.imread(str(tmp_path / "a.png"))
    assert image[int(PLACES[0, 1]), int(PLACES[0, 0])].tolist() == [255, 0, 60]
