import functools
import http.server
import threading

import h5py
import keras
import numpy as np
import pytest

from poseline.config.loading.load import parse
from poseline.config.models.training import Model
from poseline.data.keypoints import PERSON_17
from poseline.errors import ModelError
from poseline.models import backbone, imagenet, movenet
from poseline.models.pretrained import load_pretrained
from poseline.runner.inputs import Sources
from poseline.store import fetch, publish

pytestmark = pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning")  # Keras'

ALPHA = 0.35
NAME = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5"


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Weights of a backbone in the two formats of Keras, and the values of its first kernel."""
    keras.utils.set_random_seed(11)
    model = backbone.mobilenet_v2((64, 64, 3), ALPHA)
    folder = tmp_path_factory.mktemp("weights")
    model.save_weights(folder / "new.weights.h5")
    with h5py.File(folder / "published.h5", "w") as file:
        keras.src.legacy.saving.legacy_h5_format.save_weights_to_hdf5_group(file, model)
    return folder, model.get_layer("Conv1").kernel.numpy()


def built(settings, weights=None):
    """A new model with its pretrained weights."""
    model = movenet.build(settings, 17)
    given = weights or settings.pretrained_weights
    if given:
        load_pretrained(model, given, settings.alpha, PERSON_17)
    return model


def first_kernel(model):
    return model.get_layer("Conv1").kernel.numpy()


def settings(**changes):
    return Model.model_validate({"alpha": ALPHA, "input_shape": [64, 64, 3], **changes})


@pytest.mark.parametrize("name", ["new.weights.h5", "published.h5"])
def test_weights_from_a_path_are_those_of_the_file(weights, name):
    folder, kernel = weights
    model = built(settings(pretrained_weights=str(folder / name)))
    np.testing.assert_array_equal(first_kernel(model), kernel)
    bare = built(settings(pretrained_weights=None))
    assert not np.array_equal(first_kernel(bare), kernel)


def test_weights_from_s3_come_as_an_input(weights, storage):
    folder, kernel = weights
    uri = f"s3://{storage}/weights/published.h5"
    publish(folder / "published.h5", uri)
    config = parse(
        "operation_mode: training\ndataset: {training_path: x, keypoints: 17}\n"
        "training: {batch_size: 1, epochs: 1, optimizer: Adam, model: {alpha: 0.35, "
        f"input_shape: [64, 64, 3], pretrained_weights: '{uri}'}}}}"
    )
    assert Sources.named(config).weights == uri
    model = built(config.training.model, str(fetch(uri)))
    np.testing.assert_array_equal(first_kernel(model), kernel)


@pytest.mark.parametrize("given", ["imagenet", None])
def test_what_keras_downloads_is_no_input(given):
    config = parse(
        "operation_mode: training\ndataset: {training_path: x, keypoints: 17}\n"
        "training: {batch_size: 1, epochs: 1, optimizer: Adam, "
        f"model: {{pretrained_weights: {given}}}}}"
    )
    assert Sources.named(config).weights is None


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def published(weights, tmp_path, monkeypatch):
    """A server in the place of Keras' own, with one file, and an empty cache of Keras."""
    folder, _ = weights
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / NAME).write_bytes((folder / "published.h5").read_bytes())
    handler = functools.partial(Quiet, directory=str(tmp_path / "served"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(imagenet, "PUBLISHED_AT", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "keras").mkdir()
    yield server
    server.shutdown()
    server.server_close()


def test_keras_downloads_its_weights_once(weights, published, tmp_path):
    made = settings(input_shape=[96, 96, 3], pretrained_weights="imagenet")
    np.testing.assert_array_equal(first_kernel(built(made)), weights[1])
    published.shutdown()
    np.testing.assert_array_equal(first_kernel(built(made)), weights[1])
    assert (tmp_path / "keras" / "models" / NAME).is_file()


def test_offline_it_is_told_where_the_file_belongs(published, tmp_path):
    published.shutdown()
    published.server_close()
    with pytest.raises(ModelError, match="cannot be downloaded") as caught:
        built(settings(input_shape=[96, 96, 3], pretrained_weights="imagenet"))
    for words in (
        imagenet.PUBLISHED_AT + NAME,
        str(tmp_path / "keras" / "models"),
        "pretrained_weights to its path or URI",
    ):
        assert words in caught.value.remedy
    assert not (tmp_path / "keras" / "models" / NAME).exists()


def test_the_file_of_the_size_is_taken_where_there_is_one(published):
    for shape, alpha, size in (((160, 160), 0.5, 160), ((64, 96), 0.5, 224), ((96, 96), 1.3, 224)):
        with pytest.raises(ModelError, match="404") as caught:
            imagenet.imagenet_weights(alpha, (*shape, 3))
        assert f"kernels_{alpha}_{size}_no_top.h5" in caught.value.remedy


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"alpha": 0.4, "pretrained_weights": "imagenet"},
            r"no ImageNet weights for alpha 0\.4\n.*0\.35, 0\.5, 0\.75, 1\.0, 1\.3, 1\.4",
        ),
        ({"input_shape": [64, 64, 1], "pretrained_weights": "imagenet"}, "3 channels"),
        ({"pretrained_weights": "/nowhere/weights.h5"}, r"/nowhere/weights\.h5 does not exist"),
    ],
)
def test_what_cannot_be_had_is_told(changes, words):
    with pytest.raises(ModelError, match=words):
        built(settings(**changes))


def test_weights_that_do_not_fit_are_told(weights, tmp_path):
    folder, _ = weights
    with pytest.raises(ModelError, match=r"does not fit MobileNetV2 with alpha 0\.5"):
        built(settings(alpha=0.5, pretrained_weights=str(folder / "published.h5")))
    (tmp_path / "cut.h5").write_bytes((folder / "published.h5").read_bytes()[:50_000])
    with pytest.raises(ModelError, match="cannot be loaded"):
        built(settings(pretrained_weights=str(tmp_path / "cut.h5")))


@pytest.mark.parametrize(
    ("shape", "alpha", "keypoints"),
    [
        ((32, 32, 3), 0.35, 17),
        ((96, 160, 1), 0.5, 13),
        ((64, 32, 4), 0.75, 21),
        ((64, 64, 3), 1.0, 17),
        ((32, 64, 3), 1.3, 13),
    ],
)
def test_any_multiple_of_32_any_channels_any_width(shape, alpha, keypoints):
    made = Model.model_validate(
        {
            "alpha": alpha,
            "input_shape": list(shape),
            "pretrained_weights": None,
            "final_activation": "sigmoid",
        }
    )
    model = movenet.build(made, keypoints, dropout=0.2)
    assert model.output_shape == (None, shape[0] // 4, shape[1] // 4, keypoints)
    heatmaps = model(np.zeros((1, *shape), np.float32)).numpy()
    assert (heatmaps > 0).all()
    assert heatmaps.mean() < 0.1
    assert any(isinstance(layer, keras.layers.Dropout) for layer in model.layers)
