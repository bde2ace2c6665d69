import json

from poseline.data.synthetic.generate import generate
from poseline.store.manifest import entries


def test_a_picture_does_not_depend_on_the_number_of_processes(tmp_path):
    one = generate(tmp_path / "a", 6, 2, size=(64, 64), persons=3, jobs=1)
    two = generate(tmp_path / "b", 6, 2, size=(64, 64), persons=3, jobs=2)
    assert entries(one) == entries(two)


def test_annotations_are_coco(people):
    data = json.loads((people / "annotations" / "person_keypoints_train.json").read_text())
    assert len(data["images"]) == 24
    sizes = {image["id"]: (image["width"], image["height"]) for image in data["images"]}
    for annotation in data["annotations"]:
        width, height = sizes[annotation["image_id"]]
        x, y, w, h = annotation["bbox"]
        assert 0 <= x < x + w <= width
        assert 0 <= y < y + h <= height
        visible = annotation["keypoints"][2::3]
        assert annotation["num_keypoints"] == sum(v > 0 for v in visible)
        assert set(visible) <= {0, 1, 2}
