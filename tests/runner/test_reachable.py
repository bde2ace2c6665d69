import time

import pytest
from support.sidecars import write_sidecar

from poseline.config.loading.load import parse
from poseline.data.keypoints import PERSON_13
from poseline.errors import ConfigError, ModelError
from poseline.models import imagenet
from poseline.runner import preflight
from poseline.runner.reachable import check_reachable

CHAIN = """
operation_mode: training
dataset: {training_path: PATH, keypoints: 17}
training:
  {batch_size: 1, epochs: 1, optimizer: Adam,
   model: {alpha: 0.35, input_shape: [96, 96, 3], pretrained_weights: imagenet}}
"""


@pytest.fixture
def offline(tmp_path, monkeypatch):
    monkeypatch.setattr(imagenet, "PUBLISHED_AT", "http://127.0.0.1:9/")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


def test_imagenet_without_a_network_is_reported_before_anything_is_done(offline, tmp_path):
    config = parse(CHAIN.replace("PATH", str(tmp_path)))
    started = time.monotonic()
    with pytest.raises(ModelError, match="cannot be downloaded") as caught:
        preflight.check_inputs(config)
    assert time.monotonic() - started < 15
    assert str(tmp_path / "keras" / "models") in caught.value.remedy


def test_everything_that_cannot_be_had_is_listed(offline, tmp_path):
    config = parse(CHAIN.replace("PATH", str(tmp_path / "absent")))
    with pytest.raises(ConfigError) as caught:
        check_reachable(config)
    assert [problem.path for problem in caught.value.problems] == [
        "dataset.training_path",
        "training.model.pretrained_weights",
    ]


def test_weights_that_are_here_need_no_network(offline, tmp_path):
    place = (
        tmp_path
        / "keras"
        / "models"
        / ("mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5")
    )
    place.parent.mkdir(parents=True)
    place.write_bytes(b"weights")
    config = parse(CHAIN.replace("PATH", str(tmp_path)))
    check_reachable(config)
    preflight.check_inputs(config)


def test_weights_and_a_teacher_that_cannot_be_used_are_reported_by_their_keys(tmp_path):
    (tmp_path / "junk.h5").write_text("junk")
    teacher = tmp_path / "teacher.keras"
    write_sidecar(teacher, PERSON_13, 96, final_activation="softmax")
    teacher.write_text("not read")
    config = parse(
        CHAIN.replace("PATH", str(tmp_path)).replace("imagenet", str(tmp_path / "junk.h5")),
        [f"+training.distillation={{model: {teacher}}}"],
    )
    with pytest.raises(ConfigError, match=r"distillation\.model: found .*cannot teach .*keypoints"):
        check_reachable(config)
    with pytest.raises(ModelError, match=r"pretrained_weights: .*junk\.h5 cannot be loaded"):
        preflight.check_inputs(config)
