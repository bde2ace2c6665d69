"""Keras files of other versions and of other people: read, or refused without running code."""

import copy
import json
import pickle
import shutil
import zipfile

import h5py
import keras
import numpy as np
import pytest
from support.tiny_models import SIDE, convolutional

from poseline.errors import ModelError
from poseline.models.keras_file import read_model_config
from poseline.models.loading import load_keras
from poseline.runtime import open_model

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
layers = keras.layers


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model in both formats."""
    folder, model = tmp_path_factory.mktemp("keras"), convolutional()
    model.save(folder / "m.h5")
    model.save(folder / "m.keras")
    return folder


def changed(path, target, change):
    """Copy a model file whose architecture is changed in place."""
    if path.suffix == ".h5":
        shutil.copy(path, target)
        with h5py.File(target, "r+") as file:
            config = json.loads(file.attrs["model_config"])
            file.attrs["model_config"] = json.dumps(change(config) or config)
        return target
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                content = json.dumps(change(config) or config)
            new.writestr(name, content)
    return target


def every_layer(config, change):
    for layer in config["config"]["layers"]:
        change(layer, layer["config"])


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_keys_of_other_versions_that_do_nothing_are_left_out(made, tmp_path, suffix):
    def as_others_write(layer, settings):
        settings |= {"quantization_config": None, "a_key_of_tomorrow": None}
        if "Conv" in layer["class_name"]:
            settings["groups"] = 1
        if layer["class_name"] == "BatchNormalization":
            settings |= {"renorm": False, "virtual_batch_size": None}

    path = changed(
        made / f"m{suffix}", tmp_path / f"m{suffix}", lambda c: every_layer(c, as_others_write)
    )
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, SIDE, SIDE, 3)).astype(np.float32)
    found, exact = (load_keras(p)(pictures) for p in (path, made / f"m{suffix}"))
    np.testing.assert_array_equal(found, exact)


def test_a_key_that_does_something_is_named(made, tmp_path):
    def grouped(layer, settings):
        if layer["class_name"] == "DepthwiseConv2D":
            settings["groups"] = 2

    path = changed(made / "m.h5", tmp_path / "m.h5", lambda c: every_layer(c, grouped))
    with pytest.raises(ModelError, match="groups"):
        load_keras(path)


def first_activation(**change):
    def apply(layer, settings):
        if layer["class_name"] == "Activation":
            layer.update(copy.deepcopy(change))

    return lambda config: every_layer(config, apply)


HOSTILE = {
    "lambda": (first_activation(class_name="Lambda"), "Lambda, which carries code"),
    "torch": (first_activation(class_name="TorchModuleWrapper"), "carries code"),
    "lookup": (
        first_activation(class_name="StringLookup", config={"vocabulary": "/etc/passwd"}),
        "reads files",
    ),
    "raw_operation": (
        first_activation(
            class_name="TFOpLambda", config={"name": "x", "function": "math.multiply"}
        ),
        "math.multiply",
    ),
    "custom": (
        first_activation(class_name="Mish", module=None, registered_name="mine>Mish"),
        "custom class mine>Mish",
    ),
    "module": (
        first_activation(class_name="system", module="os", registered_name=None),
        r"custom class os\.system",
    ),
    "get_file": (
        first_activation(
            config={
                "name": "a",
                "activation": {
                    "module": "keras.utils",
                    "class_name": "function",
                    "config": "get_file",
                },
            }
        ),
        "keras.utils",
    ),
    "inner_lambda": (
        first_activation(
            config={"name": "a", "activation": {"class_name": "__lambda__", "config": {}}}
        ),
        "carries code",
    ),
    "no_layers": (
        lambda c: {"class_name": "Functional", "config": {}},
        "cannot be loaded|0 inputs",
    ),
    "a_list": (lambda c: [1], "not a model"),
    "no_output": (lambda c: c["config"].update(output_layers=[]), "0 outputs|cannot be loaded"),
    "deep": (lambda c: c["config"].update(x=json.loads("[" * 200 + "]" * 200)), "nested over 100"),
    "giant_layer": (
        lambda c: every_layer(
            c,
            lambda layer, s: s.update(filters=2_000_000_000) if "filters" in s else None,
        ),
        "cannot be loaded|shape",
    ),
}


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_architecture_is_refused(made, tmp_path, name, suffix):
    change, message = HOSTILE[name]
    path = changed(made / f"m{suffix}", tmp_path / f"m{suffix}", change)
    with pytest.raises(ModelError, match=message):
        load_keras(path)


def test_ends_that_are_no_picture_are_refused(tmp_path):
    first, second = keras.Input((SIDE, SIDE, 3)), keras.Input((SIDE, SIDE, 3))
    cases = {
        "two": (keras.Model([first, second], layers.Add()([first, second])), "2 inputs"),
        "flat": (keras.Model(a := keras.Input((5,)), layers.Dense(2)(a)), "one picture"),
        "open": (keras.Model(b := keras.Input((None, None, 3)), layers.ReLU()(b)), "all fixed"),
        "wide": (
            keras.Model(first, layers.UpSampling2D(8192)(first)),
            "expected at most 268,435,456",
        ),
        "unbuilt": (keras.Sequential([layers.ReLU()]), "0 inputs|cannot be loaded"),
    }
    for name, (model, message) in cases.items():
        for suffix in (".h5", ".keras"):
            path = tmp_path / f"{name}{suffix}"
            model.save(path)
            with pytest.raises(ModelError, match=message):
                open_model(path)


def test_a_model_of_whole_numbers_takes_pixels(tmp_path):
    inputs = keras.Input((SIDE, SIDE, 3), dtype="uint8")
    keras.Model(inputs, layers.Rescaling(1 / 255)(inputs)).save(tmp_path / "m.keras")
    runtime = open_model(tmp_path / "m.keras")
    assert runtime.takes_pixels
    assert runtime.predict(np.full((1, SIDE, SIDE, 3), 255, np.float32))[0].max() == 1


def zipped(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return path


def bomb(path, member="config.json", size=300 << 20):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("metadata.json", "config.json", "model.weights.h5"):
            with archive.open(name, "w") as file:
                for _ in range(size >> 20 if name == member else 0):
                    file.write(b" " * (1 << 20))
    return path


def escaping(path):
    return zipped(path, config__json="{}", metadata__json="{}", **{"../../evil": "x"})


def incomplete(path):
    return zipped(path, config__json="{}", metadata__json="{}")


def twice(path):
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "w") as archive:
        for name in ("config.json", "config.json", "metadata.json", "model.weights.h5"):
            archive.writestr(name, "{}")
    return path


ARCHIVES = {
    "bomb": (bomb, "unpacks to"),
    "weights_bomb": (lambda p: bomb(p, "model.weights.h5"), "unpacks to"),
    "escaping": (escaping, r"\.\./\.\./evil"),
    "incomplete": (incomplete, r"lacks model\.weights\.h5"),
    "twice": (twice, "not a part of a model"),
    "text": (lambda p: p.write_bytes(b"not a zip") and p, "cannot be loaded"),
    "pickle": (lambda p: p.write_bytes(pickle.dumps({"a": 1})) and p, "cannot be loaded"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_that_is_no_model_is_refused(tmp_path, name):
    make, message = ARCHIVES[name]
    with pytest.raises(ModelError, match=message):
        read_model_config(make(tmp_path / "m.keras"))


def linked(file):
    file["weights"] = h5py.ExternalLink("/etc/hostname", "/")


def elsewhere(file):
    file.create_dataset("w", (10,), "u1", external=[("/etc/hostname", 0, 10)])


def virtual(file):
    layout = h5py.VirtualLayout((10,), "u1")
    layout[:] = h5py.VirtualSource("/tmp/other.h5", "d", (10,))
    file.create_virtual_dataset("w", layout)


def hollow(file):
    file.create_dataset("w", (1 << 40,), "f4", chunks=(1 << 20,), compression="gzip")


H5 = {
    "external_link": (linked, "is a link"),
    "external_data": (elsewhere, "another file"),
    "virtual": (virtual, "another file"),
    "hollow": (hollow, "unpacks to"),
    "weights_only": (lambda f: f.create_group("model_weights"), "without an architecture"),
    "broken_json": (lambda f: f.attrs.update(model_config="{"), "cannot be read"),
    "number": (lambda f: f.attrs.update(model_config=5), "cannot be read"),
    "deep_json": (lambda f: f.attrs.update(model_config="[" * 60_000), "cannot be read"),
}


@pytest.mark.parametrize("name", H5)
def test_an_h5_that_is_no_model_is_refused(tmp_path, name):
    make, message = H5[name]
    with h5py.File(tmp_path / "m.h5", "w") as file:
        make(file)
    with pytest.raises(ModelError, match=message):
        read_model_config(tmp_path / "m.h5")


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_a_cut_off_file_is_refused(made, tmp_path, suffix):
    content = (made / f"m{suffix}").read_bytes()
    for share in (0.1, 0.5, 0.99):
        (tmp_path / f"m{suffix}").write_bytes(content[: int(len(content) * share)])
        with pytest.raises(ModelError, match="cannot be loaded"):
            load_keras(tmp_path / f"m{suffix}")
