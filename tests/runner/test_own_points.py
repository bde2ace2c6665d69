"""Sets of keypoints that nobody else has, from their files to int8, code and report."""

import json

import cv2
import numpy as np
import pytest
from support.own_sets import NAMES, cvat, yolo_pose

from poseline.config.loading.load import parse
from poseline.models.metadata import read_metadata
from poseline.runner.chain import run_chain

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"
    ),
]

CONFIG = """
general: {{project_name: own, global_seed: 1}}
operation_mode: chain_tqeb
{data}
training:
  model: {{alpha: 0.2, input_shape: [64, 64, 3], pretrained_weights: None}}
  batch_size: 4
  epochs: 1
  optimizer: {{Adam: {{learning_rate: 0.002}}}}
quantization: {{}}
benchmarking: {{board: STM32H747I-DISCO, backends: [estimate]}}
export: {{}}
mlflow: {{uri: {folder}-mlruns}}
hydra: {{run: {{dir: {folder}}}}}
"""


def chain(data, tmp_path):
    experiment = run_chain(parse(CONFIG.format(data=data, folder=tmp_path / "run")))
    report = (experiment.folder / "report.html").read_text()
    return experiment, report


def labelled(root, count):
    """Make a set of points in a row in YOLO Darknet format, without a word on what they are."""
    random = np.random.default_rng(0)
    for split, pictures in (("train", 8), ("val", 4)):
        (root / split).mkdir(parents=True)
        for number in range(pictures):
            picture = random.integers(0, 255, (64, 64, 3)).astype(np.uint8)
            cv2.imwrite(str(root / split / f"{number}.jpg"), picture)
            points = " ".join(f"{x:.4f} 0.5 1" for x in np.linspace(0.1, 0.9, count))
            (root / split / f"{number}.txt").write_text(f"0 0.5 0.5 0.9 0.9 {points}\n")
    return root


@pytest.mark.parametrize("make", [cvat, yolo_pose])
def test_seven_own_points_from_files_to_code_and_report(make, tmp_path, capfd):
    extra = {} if make is cvat else {"extra": f"kpt_names: {json.dumps({0: NAMES})}\n"}
    source = make(tmp_path / "arrows", **extra)
    data = (
        f"conversion: {{path: {source}, outputdir: {tmp_path / 'sets'}}}\n"
        "dataset: {fraction: 0.5, validation_split: 0.34}"
    )
    experiment, report = chain(data, tmp_path)
    model = experiment.models["quantize"]
    assert model.suffix == ".tflite"
    assert read_metadata(model).keypoints == NAMES
    # A third of CVAT's six is held out; half of what is left is trained on.
    assert f"pictures={2 if make is cvat else 3}" in "".join(capfd.readouterr())
    for name in NAMES:
        assert name.replace("_", " ") in report
    code = "".join(path.read_text() for path in (experiment.folder / "export").rglob("*.c"))
    assert '"tail end"' in code
    assert 0 <= experiment.results["evaluate-int8"].metrics["oks"] <= 1


@pytest.mark.parametrize("count", [1, 133])
def test_sets_of_the_fewest_and_the_most_points(count, tmp_path):
    root = labelled(tmp_path / "set", count)
    data = f"dataset: {{training_path: {root}/train, validation_path: {root}/val}}"
    experiment, report = chain(data, tmp_path)
    for step in ("evaluate-float", "evaluate-int8"):
        assert 0 <= experiment.results[step].metrics["oks"] <= 1
    assert len(read_metadata(experiment.models["quantize"]).keypoints) == count
    shape = cv2.imread(str(experiment.folder / "evaluation/int8/keypoints.png")).shape
    assert (shape[0] > shape[1]) == (count > 40)  # a row a keypoint, where there are many
    assert "OKS per keypoint" in report
