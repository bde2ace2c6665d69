"""Sets as tools write them, through the converter: what is kept, reordered, counted and refused."""

import json
import os
import unicodedata

import cv2
import numpy as np
import pytest

from poseline.config.models.config import Config
from poseline.data.keypoint_names import canonical
from poseline.data.keypoints import PERSON_17
from poseline.data.yolo import list_samples, read_label
from poseline.errors import DataError
from poseline.stages import convert

NAMES = list(PERSON_17.names)
PLACES = np.stack([np.linspace(4, 60, 17), np.linspace(6, 50, 17), np.full(17, 2.0)], axis=1)
PERSON = {"id": 1, "name": "person", "keypoints": NAMES, "skeleton": []}


def person(image=1, points=PLACES, **changes):
    points = points.ravel().tolist() if isinstance(points, np.ndarray) else points
    return {
        "image_id": image,
        "category_id": 1,
        "bbox": [2, 2, 60, 60],
        "keypoints": points,
        **changes,
    }


def image(number=1, name="a.jpg", **changes):
    return {"id": number, "file_name": name, "width": 64, "height": 64, **changes}


def picture(path, shade=90):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((64, 64, 3), shade, np.uint8))


def a_set(
    root,
    files=("train2017/a.jpg",),
    where="annotations/person_keypoints_train2017.json",
    images=None,
    persons=None,
    categories=(PERSON,),
    text=None,
):
    for number, name in enumerate(files):
        picture(root / name, 90 + number)
    path = root / where
    path.parent.mkdir(parents=True, exist_ok=True)
    data = {"images": images or [image()], "annotations": persons or [person()]}
    if categories is not None:
        data["categories"] = list(categories)
    path.write_text(json.dumps(data) if text is None else text)
    return root


def run(root, tmp_path, keypoints=17, **settings):
    config = Config.model_validate(
        {"dataset": {"keypoints": keypoints}, "conversion": {"path": "-", **settings}}
    )
    return convert.run(config, {"source": root}, tmp_path / "out")


def only_pose(result, keypoints=17, split="train"):
    (sample,) = list_samples(result.out / split)
    return read_label(sample.label, keypoints).keypoints[0]


EXPECTED = PLACES / (64, 64, 2)


@pytest.mark.parametrize(
    ("files", "where", "name"),
    [
        (["train2017/a.jpg"], "annotations/person_keypoints_train2017.json", "a.jpg"),
        (["images/train2017/a.jpg"], "annotations/person_keypoints_train2017.json", "a.jpg"),
        (["images/default/a.jpg"], "annotations/person_keypoints_default.json", "a.jpg"),
        (["images/subset7/a.jpg"], "annotations/person_keypoints_subset7.json", "a.jpg"),
        (["train/a.jpg"], "train/_annotations.coco.json", "a.jpg"),
        (["images/a.jpg"], "result.json", "images\\1\\a.jpg"),
        (["a.jpg"], "result.json", "images/2/a.jpg"),
        (["train2017/a.jpg"], "annotations/person_keypoints_train2017.json", "train2017/a.jpg"),
        (["train2017/a.jpg"], "annotations/person_keypoints_train2017.json", "images/a.jpg"),
        (["train2017/a.jpg"], "annotations/person_keypoints_train2017.json", "./a.jpg"),
        (["pictures/a b#.jpg"], "labels.json", "a%20b%23.jpg"),
        (["a%20b.jpg"], "labels.json", "a%20b.jpg"),
        ([unicodedata.normalize("NFD", "café.jpg")], "labels.json", "café.jpg"),
        (["x/y/a.jpg"], "x/labels.json", "y/a.jpg"),
        (["a.jpg"], "labels.json", "C:\\data\\a.jpg"),
        (["images/a.jpg"], "result.json", "/data/upload/1/a.jpg"),
        (["images/a.jpg"], "result.json", "../../label-studio/data/media/upload/1/a.jpg"),
        (["images/a.jpg"], "result.json", "..\\..\\media\\a.jpg"),
        (["images/a.jpg"], "result.json", "images\\1/5f0c3a9e-a.jpg"),
        (["images/5f0c3a9e-a.jpg"], "result.json", "images/5f0c3a9e-a.jpg"),
    ],
)
def test_pictures_are_found_as_tools_lay_them_out(tmp_path, files, where, name):
    root = a_set(tmp_path / "set", files, where, [image(name=name)])
    np.testing.assert_allclose(only_pose(run(root, tmp_path)), EXPECTED, atol=1e-6)


@pytest.mark.parametrize("name", ["../a.jpg", "/{folder}/a.jpg"])
def test_a_picture_outside_of_the_set_is_not_read(tmp_path, name):
    picture(tmp_path / "a.jpg")
    root = a_set(tmp_path / "set", (), images=[image(name=name.format(folder=tmp_path))])
    with pytest.raises(DataError, match="1 missing"):
        run(root, tmp_path)


def test_the_splits_of_roboflow_stay_apart(tmp_path):
    root = tmp_path / "set"
    for number, split in enumerate(("train", "valid", "test")):
        a_set(root, (), f"{split}/_annotations.coco.json")
        picture(root / split / "a.jpg", 60 * number)
    result = run(root, tmp_path)
    for number, split in enumerate(("train", "val", "test")):
        shade = cv2.imread(str(result.out / split / "a.jpg")).mean()
        assert shade == pytest.approx(60 * number, abs=2)


def test_files_of_coco_that_hold_no_keypoints_are_left_alone(tmp_path):
    root = a_set(tmp_path / "set")
    for name in ("captions_train2017", "instances_train2017", "stuff_train2017"):
        (root / "annotations" / f"{name}.json").write_text("{}")
    assert run(root, tmp_path).metrics["train_kept"] == 1


def test_two_files_of_one_split_are_refused_by_name(tmp_path):
    root = a_set(tmp_path / "set", where="one.json")
    a_set(root, where="two.json")
    with pytest.raises(DataError, match=r"one\.json, two\.json"):
        run(root, tmp_path)


@pytest.mark.parametrize("spelling", [str, str.title, lambda n: n.replace("_", " ").upper()])
@pytest.mark.parametrize("seed", [1, 2])
def test_keypoints_are_matched_by_name(tmp_path, spelling, seed):
    order = np.random.default_rng(seed).permutation(17)
    category = PERSON | {"keypoints": [spelling(NAMES[i]) for i in order]}
    root = a_set(tmp_path / "set", persons=[person(points=PLACES[order])], categories=[category])
    np.testing.assert_allclose(only_pose(run(root, tmp_path)), EXPECTED, atol=1e-6)


def test_further_keypoints_are_left_out_and_a_head_serves_for_thirteen(tmp_path):
    names = ["neck", "head", *NAMES[5:], "left_toe"]
    points = np.concatenate([[[1, 1, 2], [9, 8, 2]], PLACES[5:], [[2, 2, 2]]])
    category = PERSON | {"keypoints": names}
    root = a_set(tmp_path / "set", persons=[person(points=points)], categories=[category])
    found = only_pose(run(root, tmp_path, 13), 13)
    np.testing.assert_allclose(found[0], [9 / 64, 8 / 64, 1], atol=1e-6)
    np.testing.assert_allclose(found[1:], EXPECTED[5:], atol=1e-6)
    with pytest.raises(DataError, match=r"nose, .*right_ear are missing; .*neck, head.*\n.*13"):
        run(root, tmp_path)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Left Eye", "left_eye"),
        ("leftEye", "left_eye"),
        ("l-eye", "left_eye"),
        ("eye_left", "left_eye"),
        ("R_Ankle", "right_ankle"),
        ("NOSE", "nose"),
    ],
)
def test_spellings_of_a_name(one, other):
    assert canonical(one) == canonical(other)


def test_missing_names_are_told_with_those_that_are_there(tmp_path):
    category = PERSON | {"keypoints": NAMES[:14]}
    root = a_set(tmp_path / "set", persons=[person(points=PLACES[:14])], categories=[category])
    with pytest.raises(DataError, match=r"right_knee, .*right_ankle are missing; .*has nose"):
        run(root, tmp_path)


@pytest.mark.parametrize("categories", [None, [PERSON], [PERSON | {"keypoints": []}]])
def test_another_number_of_keypoints_is_told(tmp_path, categories):
    root = a_set(tmp_path / "set", persons=[person(points=PLACES[:14])], categories=categories)
    with pytest.raises(DataError, match="persons have 14 keypoints"):
        run(root, tmp_path)


def test_a_category_is_chosen_where_there_are_several(tmp_path):
    dog = {"id": 2, "name": "Dog", "keypoints": NAMES}
    cat = {"id": 3, "name": "cat", "keypoints": NAMES}
    persons = [person(category_id=2), person(2, category_id=3)]
    images = [image(), image(2, "b.jpg")]
    files = ["train2017/a.jpg", "train2017/b.jpg"]
    root = a_set(tmp_path / "set", files, images=images, persons=persons, categories=[dog, cat])
    with pytest.raises(DataError, match=r"several categories.*Dog \(2\), cat \(3\)") as caught:
        run(root, tmp_path)
    assert "--category" in caught.value.remedy
    for wanted in ("dog", "2"):
        result = run(root, tmp_path, category=wanted)
        assert [s.image.name for s in list_samples(result.out / "train")] == ["a.jpg"]
        assert result.summary["counts"]["train"]["other_category"] == 1
    with pytest.raises(DataError, match=r"no category 'horse'; it has Dog"):
        run(root, tmp_path, category="horse")


def test_persons_are_taken_where_the_other_categories_have_no_keypoints(tmp_path):
    car = {"id": 7, "name": "car"}
    persons = [person(), {"image_id": 1, "category_id": 7, "bbox": [1, 1, 9, 9]}]
    result = run(a_set(tmp_path / "set", persons=persons, categories=[car, PERSON]), tmp_path)
    assert (
        result.summary["counts"]["train"] | {"kept": 1, "other_category": 1}
        == (result.summary["counts"]["train"])
    )


def test_a_confidence_is_labelled_from_one_half_and_counted(tmp_path):
    points = PLACES.copy()
    points[:4, 2] = 0.93, 0.5, 0.49, 0.01
    result = run(a_set(tmp_path / "set", persons=[person(points=points)]), tmp_path)
    assert only_pose(result)[:5, 2].tolist() == [1, 1, 0, 0, 1]
    assert result.summary["counts"]["train"]["confidence"] == 4


@pytest.mark.parametrize("size", [{}, {"width": None, "height": None}, {"width": "x"}])
def test_a_missing_size_is_read_from_the_picture(tmp_path, size):
    entry = {k: v for k, v in image().items() if k not in ("width", "height")} | size
    result = run(a_set(tmp_path / "set", images=[entry]), tmp_path)
    np.testing.assert_allclose(only_pose(result), EXPECTED, atol=1e-6)
    assert result.summary["counts"]["train"]["size_from_picture"] == 1


@pytest.mark.parametrize("ids", [(7, 7.0), (7, "7"), ("a7", "a7")])
def test_ids_are_compared_as_tools_write_them(tmp_path, ids):
    root = a_set(tmp_path / "set", images=[image(ids[0])], persons=[person(ids[1])])
    assert run(root, tmp_path).metrics["train_kept"] == 1


def test_small_and_sparse_persons_are_left_out(tmp_path):
    sparse = PLACES.copy()
    sparse[3:, 2] = 0
    persons = [person(), person(points=sparse), person(bbox=[1, 1, 6, 6])]
    root = a_set(tmp_path / "set", persons=persons)
    result = run(root, tmp_path, pose="multi", min_keypoints=4, min_size=0.1)
    counts = result.summary["counts"]["train"]
    assert (counts["kept"], counts["few_keypoints"], counts["small"]) == (1, 1, 1)
    (sample,) = list_samples(result.out / "train")
    assert len(read_label(sample.label, 17)) == 1


def test_a_fraction_is_the_same_each_time(tmp_path):
    names = [f"{n:02d}.jpg" for n in range(20)]
    root = a_set(
        tmp_path / "set",
        [f"train2017/{name}" for name in names],
        images=[image(n, name) for n, name in enumerate(names)],
        persons=[person(n) for n in range(20)],
    )
    first = sorted(s.image.name for s in list_samples(run(root, tmp_path, fraction=0.25).out))
    again = sorted(s.image.name for s in list_samples(run(root, tmp_path, fraction=0.25).out))
    assert first == again
    assert len(first) == 5


def test_when_nothing_is_left_the_reasons_examples_and_places_are_told(tmp_path):
    images = [image(), image(2, "gone.jpg"), image(3, "bad.jpg"), image(4, "empty.jpg")]
    persons = [person(), person(), person(2), person(3), person(4, np.zeros((17, 3)))]
    root = a_set(
        tmp_path / "set", ["train2017/a.jpg", "train2017/empty.jpg"], images=images, persons=persons
    )
    (root / "train2017/bad.jpg").write_text("not a picture")
    with pytest.raises(DataError) as caught:
        run(root, tmp_path)
    text = str(caught.value)
    for part in (
        "1 several_persons",
        "as a.jpg",
        "1 missing",
        "as gone.jpg",
        "looked for in train",
        "1 corrupt",
        "as bad.jpg",
        "1 no_visible_keypoints",
        "--pose multi",
    ):
        assert part in text
    assert not (tmp_path / "out").exists()


def test_confidences_below_one_half_are_told_when_nothing_is_left(tmp_path):
    places = PLACES.copy()
    places[:, 2] = 0.4
    root = a_set(tmp_path / "set", persons=[person(points=places)])
    with pytest.raises(DataError, match=r"17 confidence: .*from 0\.5 on"):
        run(root, tmp_path)


def test_a_hint_is_given_only_where_it_would_help(tmp_path):
    root = a_set(tmp_path / "set", persons=[person(points=np.zeros((17, 3)))])
    with pytest.raises(DataError) as caught:
        run(root, tmp_path)
    assert caught.value.remedy == ""


FILE = json.dumps({"images": [image()], "annotations": [person()], "categories": [PERSON]})
HOSTILE = {
    "empty": "",
    "cut": FILE[: len(FILE) // 2],
    "deep": '{"images": ' + "[" * 100_000,
    "deep keypoints": FILE.replace('"keypoints": [4.0', '"keypoints": ' + "[" * 500 + "[4.0"),
    "list": "[]",
    "null": "null",
    "number": "7",
    "images null": '{"images": null, "annotations": []}',
    "images object": '{"images": {}, "annotations": []}',
    "annotations text": '{"images": [], "annotations": "x"}',
    "nothing in it": '{"images": [], "annotations": []}',
    "no images": '{"annotations": []}',
    "image a number": '{"images": [1, null, "x", []], "annotations": [1, null, [], {}]}',
    "id an object": FILE.replace('"id": 1, "file_name"', '"id": {}, "file_name"'),
    "image_id a list": FILE.replace('"image_id": 1', '"image_id": [1]'),
    "name a number": FILE.replace('"a.jpg"', "7"),
    "name too long": FILE.replace("a.jpg", "n" * 5000),
    "name of 300": FILE.replace("a.jpg", "n" * 300),
    "name with nul": FILE.replace("a.jpg", "a\\u0000.jpg"),
    "name empty": FILE.replace("a.jpg", ""),
    "name a surrogate": FILE.replace("a.jpg", "\\ud800.jpg"),
    "huge number": FILE.replace("4.0,", "1" + "0" * 400 + ",", 1),
    "huge digits": FILE.replace("4.0,", "1" + "0" * 5000 + ",", 1),
    "beyond float": FILE.replace("4.0,", "1e999,", 1),
    "keypoints an object": FILE.replace('"keypoints": [4.0', '"keypoints": {}, "x": [4.0'),
    "bbox text": FILE.replace("[2, 2, 60, 60]", '["a", "b", "c", "d"]'),
    "bbox infinite": FILE.replace("[2, 2, 60, 60]", "[Infinity, 2, 60, -Infinity]"),
    "bbox negative": FILE.replace("[2, 2, 60, 60]", "[2, 2, -60, 60]"),
    "bbox a number": FILE.replace("[2, 2, 60, 60]", "5"),
    "two bytes a letter": FILE.encode("utf-16")[:-1],
    "binary": bytes(range(256)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_annotation_file_is_refused_with_a_message(tmp_path, name):
    root = a_set(tmp_path / "set", text="")
    content = HOSTILE[name]
    path = root / "annotations/person_keypoints_train2017.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError) as caught:
        run(root, tmp_path)
    assert len(str(caught.value)) < 3000


@pytest.mark.parametrize(
    "change",
    [
        {"categories": 7},
        {"categories": [7, None]},
        {"categories": [{"keypoints": 5}]},
        {"categories": [{"id": [], "keypoints": [1, 2]}]},
        {"info": None},
    ],
)
def test_what_is_not_needed_does_no_harm(tmp_path, change):
    root = a_set(tmp_path / "set", text=json.dumps(json.loads(FILE) | change))
    assert run(root, tmp_path).metrics["train_kept"] == 1


@pytest.mark.parametrize("kind", ["FIFO", "folder", "device", "empty", "html"])
def test_what_is_not_a_picture_costs_only_itself(tmp_path, kind):
    root = a_set(
        tmp_path / "set",
        ["train2017/a.jpg"],
        images=[image(), image(2, "b.jpg")],
        persons=[person(), person(2)],
    )
    path = root / "train2017/b.jpg"
    match kind:
        case "FIFO":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "device":
            path.symlink_to("/dev/zero")
        case "empty":
            path.touch()
        case "html":
            path.write_text("<html>404</html>")
    counts = run(root, tmp_path).summary["counts"]["train"]
    assert counts["kept"] == 1
    assert counts.get("corrupt", 0) + counts.get("missing", 0) == 1


def test_a_picture_with_bytes_after_its_end_is_kept(tmp_path):
    root = a_set(tmp_path / "set")
    path = root / "train2017/a.jpg"
    path.write_bytes(path.read_bytes() + b"\0" * 9000 + b"SEFT")
    assert run(root, tmp_path).metrics["train_kept"] == 1


def test_a_thumbnail_does_not_hide_that_the_picture_is_cut_off(tmp_path):
    root = a_set(
        tmp_path / "set",
        ["train2017/a.jpg", "train2017/b.jpg"],
        images=[image(), image(2, "b.jpg")],
        persons=[person(), person(2)],
    )
    path = root / "train2017/a.jpg"
    whole = path.read_bytes()
    block = b"Exif\0\0" + b"II*\0\0\0\0\0" + whole
    tagged = whole[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + whole[2:]
    path.write_bytes(tagged[:-40])
    assert run(root, tmp_path).summary["counts"]["train"]["corrupt"] == 1
