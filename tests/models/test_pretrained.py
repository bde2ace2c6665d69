"""Pretrained weights by the names and shapes of layers, from whatever file has them."""

import csv
import io

import h5py
import keras
import numpy as np
import pytest

from poseline.config.models.config import Config
from poseline.config.models.training import Model
from poseline.data.keypoints import PERSON_13, PERSON_17
from poseline.errors import ModelError
from poseline.models import movenet
from poseline.models.backbone import is_backbone, mobilenet_v2
from poseline.models.head import with_new_head
from poseline.models.pretrained import load_pretrained, transferred_csv
from poseline.models.weights_file import opened_weights
from poseline.training.folder import TRANSFER
from poseline.training.initialization import initialize

pytestmark = pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning")  # Keras'
ALPHA = 0.35


def build(keypoints=17, **changes):
    settings = {"alpha": ALPHA, "input_shape": [32, 32, 3], "pretrained_weights": None} | changes
    return movenet.build(Model.model_validate(settings), keypoints)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model of 17 keypoints whose weights all differ from those of a new one, in each format."""
    keras.utils.set_random_seed(3)
    model = build()
    model.set_weights([w + np.float32(0.25) for w in model.get_weights()])
    folder = tmp_path_factory.mktemp("trained")
    for name in ("model.h5", "model.keras", "model.weights.h5"):
        (model.save_weights if "weights" in name else model.save)(folder / name)
    outer = keras.Sequential([keras.Input((32, 32, 3)), model, keras.layers.Flatten()])
    outer.save(folder / "within.h5")
    outer.save(folder / "within.keras")
    return folder, {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


@pytest.fixture(scope="module")
def blank():
    """A new model, to be brought back to the weights that it began with by each test."""
    model = build()
    return model, model.get_weights()


def unnamed(path, target):
    """Copy weights as early versions of Keras 3 wrote them, without the layers' names."""
    target.write_bytes(path.read_bytes())
    with h5py.File(target, "r+") as file:
        file.visititems(lambda _, entry: entry.attrs.pop("name", None))
    return target


def same(layer, weights):
    return all(map(np.array_equal, layer.get_weights(), weights))


@pytest.mark.parametrize(
    "name",
    ["model.h5", "model.keras", "model.weights.h5", "within.h5", "within.keras", "unnamed.h5"],
)
def test_every_layer_is_loaded_from_any_file(trained, blank, tmp_path, name):
    folder, known = trained
    path = folder / name
    if name == "unnamed.h5":
        path = unnamed(folder / "model.weights.h5", tmp_path / name)
    model, weights = blank
    model.set_weights(weights)
    found = load_pretrained(model, str(path), ALPHA, PERSON_17)
    assert {t.outcome for t in found} == {"loaded"}
    assert all(same(layer, known[layer.name]) for layer in model.layers if layer.weights)


def test_what_differs_keeps_its_own_weights_and_is_listed(trained):
    folder, known = trained
    model = build(keypoints=13, input_shape=[32, 32, 1])
    before = {layer.name: layer.get_weights() for layer in model.layers}
    found = load_pretrained(model, str(folder / "model.keras"), ALPHA, PERSON_13)
    listed = {row["layer"]: row for row in csv.DictReader(io.StringIO(transferred_csv(found)))}
    apart = {"Conv1", "heatmaps", "heatmaps_bn"}
    for layer in model.layers:
        if layer.weights:
            differs = layer.name in apart
            assert same(layer, (before if differs else known)[layer.name]), layer.name
            assert listed[layer.name]["outcome"] == ("shape differs" if differs else "loaded")
    assert listed["Conv1"]["shapes"] == "3x3x1x16"
    assert listed["Conv1"]["shapes in the file"] == "3x3x3x16"


def test_a_backbone_alone_leaves_the_rest_missing(blank, tmp_path):
    mobilenet_v2((32, 32, 3), ALPHA).save(tmp_path / "backbone.keras")
    found = load_pretrained(blank[0], str(tmp_path / "backbone.keras"), ALPHA, PERSON_17)
    assert all((t.outcome == "loaded") == is_backbone(t.layer) for t in found)


def test_weights_of_another_width_are_refused(trained):
    path = str(trained[0] / "model.h5")
    with pytest.raises(ModelError, match=r"alpha 0.5; of its \d+ layers: .*shape differs"):
        load_pretrained(build(alpha=0.5), path, 0.5, PERSON_17)


def test_a_file_of_another_network_is_refused(blank, tmp_path):
    other = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="other")])
    other.save(tmp_path / "other.keras")
    with pytest.raises(ModelError, match=r"does not fit MobileNetV2 .* missing") as caught:
        load_pretrained(blank[0], str(tmp_path / "other.keras"), ALPHA, PERSON_17)
    assert "MobileNetV2 of this width" in caught.value.remedy


def test_a_file_with_code_gives_its_weights(tmp_path):
    """Weights are read without the architecture, so that nothing of it is run."""
    x = inputs = keras.Input((32, 32, 3))
    x = keras.layers.Lambda(lambda v: 1 / 0 if v is None else v)(x)
    conv = keras.layers.Conv2D(16, 3, name="Conv1", use_bias=False)
    keras.Model(inputs, conv(x)).save(tmp_path / "lambda.keras")
    with opened_weights(tmp_path / "lambda.keras") as found:
        np.testing.assert_array_equal(np.asarray(found["Conv1"][0]), conv.kernel)


def test_our_own_model_gets_a_head_for_other_keypoints(blank):
    model, _ = blank
    made = with_new_head(model, 5)
    assert made.output_shape[1:] == (8, 8, 5)
    assert same(made.get_layer("head_project"), model.get_layer("head_project").get_weights())
    assert same(made.get_layer("Conv1"), model.get_layer("Conv1").get_weights())


def test_a_training_lists_what_it_began_with(trained, tmp_path):
    model = {"alpha": ALPHA, "input_shape": [32, 32, 3]}
    config = Config.model_validate({"training": {"model": model}})
    weights = trained[0] / "model.keras"
    start = initialize(config, config.training, PERSON_17, {"weights": weights}, tmp_path)
    assert same(start.model.get_layer("Conv1"), trained[1]["Conv1"])
    lines = (tmp_path / TRANSFER).read_text().splitlines()
    assert lines[:2] == [
        "layer,outcome,shapes,shapes in the file",
        "Conv1,loaded,3x3x3x16,3x3x3x16",
    ]
    assert len(lines) == 1 + len(trained[1])
