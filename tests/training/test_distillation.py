"""A teacher's heatmaps beside the labels: the loss, what can teach whom, and a training by one."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.sidecars import write_sidecar
from support.small import markers, network

from poseline.config.loading.load import parse
from poseline.config.models.config import Config
from poseline.config.models.training import Heatmaps
from poseline.data.keypoints import PERSON_13, PERSON_17
from poseline.errors import ConfigError, ModelError
from poseline.models.loading import load_keras
from poseline.runner.preflight import check_inputs
from poseline.stages import train
from poseline.training.checkpoint import save_model
from poseline.training.distillation import Lesson, Teacher, load_teacher
from poseline.training.loss import heatmap_loss

pytestmark = pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning")  # Keras'


def batch():
    random = np.random.default_rng(3)
    labels = random.uniform(0.1, 0.9, (2, 4, 3)).astype(np.float32)
    labels[:, :3, 2] = (1, 0, 1)
    return random.normal(0, 2, (2, 8, 6, 3)).astype(np.float32), labels


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_the_loss_is_the_weighted_sum_of_both_errors(activation):
    output, labels = batch()
    taught = np.random.default_rng(4).uniform(0, 1, output.shape).astype(np.float32)
    if activation == "softmax":
        taught /= taught.sum((1, 2), keepdims=True)

    def loss(weight):
        lesson = Lesson(taught, weight) if weight else None
        return float(heatmap_loss(tf.constant(output), labels, Heatmaps(), activation, lesson))

    seen = np.array([True, False, True])
    if activation == "softmax":
        chances = np.exp(output) / np.exp(output).sum((1, 2), keepdims=True)
        error = -(taught * np.log(chances)).sum((1, 2))
    else:
        error = np.square(output - taught).sum((1, 2))
    assert loss(1.0) == pytest.approx(error[:, seen].mean(), rel=1e-5)
    assert loss(0.3) == pytest.approx(0.7 * loss(None) + 0.3 * loss(1.0), rel=1e-5)


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_a_teacher_says_what_its_model_puts_out_at_any_size(activation):
    keras.utils.set_random_seed(2)
    model = network()
    if activation == "softmax":
        model = keras.Model(model.input, model.layers[-2].output)
    images = np.random.default_rng(1).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
    teacher = Teacher(model, 0.5, activation)
    expected = model(images).numpy()
    if activation == "softmax":
        expected = np.exp(expected) / np.exp(expected).sum((1, 2), keepdims=True)
    np.testing.assert_allclose(teacher.lesson(images).heatmaps, expected, rtol=1e-3, atol=1e-5)
    other = np.zeros((1, 64, 32, 3), np.float32)
    assert teacher.lesson(other).heatmaps.shape == (1, 16, 8, 17)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    keras.utils.set_random_seed(9)
    path = tmp_path_factory.mktemp("teacher") / "teacher.keras"
    save_model(network(), path)
    return write_sidecar(path, PERSON_17, 32)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"points": PERSON_13}, "keypoints .*, not .*"),
        ({"final_activation": "softmax"}, "final_activation softmax, not sigmoid"),
        ({"input_shape": (64, 64, 3)}, r"input_shape \(64, 64, 3\), not \(32, 32, 3\)"),
        ({"scale": 1 / 255, "offset": 0}, "scale 0.003921569, not .*; offset 0.0, not -1.0"),
        ({"model_type": "spe"}, "model_type spe, not heatmaps_spe"),
    ],
)
def test_who_cannot_teach_is_told(tmp_path, changes, words):
    path = tmp_path / "teacher.keras"
    path.write_bytes(b"not read")
    points = changes.get("points", PERSON_17)
    others = {name: value for name, value in changes.items() if name != "points"}
    write_sidecar(path, points, 32, **others)
    with pytest.raises(ModelError, match=words):
        load_teacher(path, Config(), 0.5, network(), "sigmoid", PERSON_17)


def test_heatmaps_of_another_size_are_told_without_a_sidecar(tmp_path):
    save_model(network(keypoints=13), tmp_path / "other.h5")
    with pytest.raises(ModelError, match=r"puts out \(8, 8, 13\), and .* \(8, 8, 17\)"):
        load_teacher(tmp_path / "other.h5", Config(), 0.5, network(), "sigmoid", PERSON_17)


CONFIG = """
operation_mode: training
dataset: {{training_path: {data}, keypoints: 13}}
training: {{batch_size: 4, epochs: 1, model: {{input_shape: [32, 32, 3], pretrained_weights: None,
  final_activation: sigmoid}}, distillation: {{model: {model}}}}}
"""


def test_a_config_is_refused_before_anything_is_trained(teacher, tmp_path):
    with pytest.raises(ConfigError, match=r"training\.distillation\.model.*\.h5 or \.keras"):
        parse(CONFIG.format(data=tmp_path, model="teacher.tflite"))
    with pytest.raises(ModelError, match=r"training\.distillation\.model: .* does not exist"):
        check_inputs(parse(CONFIG.format(data=tmp_path, model="/nowhere/t.keras")))
    with pytest.raises(ModelError, match="cannot teach this model: it has keypoints"):
        check_inputs(parse(CONFIG.format(data=tmp_path, model=teacher)))


@pytest.mark.slow
def test_a_student_comes_to_say_what_its_teacher_says(teacher, tmp_path):
    data = markers(tmp_path / "set", 16)
    keras.utils.set_random_seed(1)
    save_model(network(), tmp_path / "start.h5")
    inputs = {"training": data, "validation": data, "model": tmp_path / "start.h5"}

    def trained(name, weight=None):
        training = {"batch_size": 8, "epochs": 12, "optimizer": {"Adam": {"learning_rate": 0.01}}}
        if weight:
            training["distillation"] = {"model": str(teacher), "weight": weight}
        config = Config.model_validate(
            {
                "general": {"global_seed": 7},
                "dataset": {"keypoints": 17},
                "data_augmentation": {"random_flip": {}},
                "training": training,
            }
        )
        given = inputs | ({"teacher": teacher} if weight else {})
        made = train.run(config, given, tmp_path / name)
        return load_keras(made.files["last_model"]), made

    pictures = np.random.default_rng(0).uniform(-0.4, 0.4, (8, 32, 32, 3)).astype(np.float32)
    said = load_keras(teacher)(pictures).numpy()[..., :3]  # the points that are labelled

    def distance(model):
        return float(np.square(model(pictures).numpy()[..., :3] - said).mean())

    alone, (student, made) = distance(trained("alone")[0]), trained("taught", 1.0)
    assert distance(student) < alone / 4
    assert "teacher" in made.out.joinpath("manifest.json").read_text()
