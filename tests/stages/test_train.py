"""The train stage with a network that learns in seconds: how it starts, ends and goes on."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from support.small import markers, network
from tensorflow.python.framework import config as tf_config

from poseline.config.loading.load import parse
from poseline.config.models.config import Config
from poseline.data import pipeline
from poseline.data.keypoints import PERSON_17
from poseline.data.pack import pack
from poseline.errors import ConfigError, DataError, ModelError, StoreError
from poseline.models.loading import load_keras
from poseline.models.metadata import read_metadata
from poseline.stages import train
from poseline.stages.evaluate import run as evaluate
from poseline.stages.result import StageResult
from poseline.store.manifest import Manifest
from poseline.training import tensorflow_setup
from poseline.training.checkpoint import LAST, read_state, save_model
from poseline.training.initialization import initialize

pytestmark = pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning")  # Keras'


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("markers")
    markers(root / "train", 24)
    markers(root / "val", 8, seed=1)
    return root


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that has not learned, as a file to fine-tune."""
    keras.utils.set_random_seed(5)
    path = tmp_path_factory.mktemp("start") / "small.h5"
    save_model(network(dropout=0.1), path)
    return path


@pytest.fixture
def deterministic():
    yield
    tf_config.disable_op_determinism()


def settings(general=(), preprocessing=None, augmentation=None, **training) -> Config:
    base = {"batch_size": 8, "epochs": 2, "optimizer": {"Adam": {"learning_rate": 0.01}}}
    return Config.model_validate(
        {
            "general": {"global_seed": 7, "model_path": "-", **dict(general)},
            "operation_mode": "training",
            "dataset": {"keypoints": 17, "training_path": "-"},
            "preprocessing": preprocessing or {},
            "data_augmentation": augmentation
            or {"random_flip": {}, "random_rotation": {"factor": 0.05}},
            "training": base | training,
        }
    )


@pytest.fixture
def inputs(pictures, start):
    return {"training": pictures / "train", "validation": pictures / "val", "model": start}


def weights(path: Path):
    return load_keras(path).get_weights()


def kernels(model):
    return {layer.name: layer.kernel.numpy() for layer in model.layers if hasattr(layer, "kernel")}


def same(one, other):
    return len(one) == len(other) and all(map(np.array_equal, one, other))


def test_fine_tuning_starts_from_the_given_model(inputs, tmp_path):
    still = settings(epochs=1, optimizer={"SGD": {"learning_rate": 0.0}})
    result = train.run(still, inputs, tmp_path / "out")
    before = kernels(load_keras(inputs["model"]))
    after = kernels(load_keras(result.files["model"]))
    assert len(before) == 3
    assert all(np.array_equal(before[name], after[name]) for name in before)
    Manifest.read(result.out).verify(result.out)
    learned = train.run(settings(epochs=1), inputs, tmp_path / "learned")
    after = kernels(load_keras(learned.files["model"]))
    assert not any(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(
    ("model", "config", "words"),
    [
        ({"channels": 1}, {}, r"takes \(32, 32, 1\)\n.*color_mode rgb"),
        ({"side": None}, {}, r"takes \(None, None, 3\)\n.*a fixed size"),
    ],
)
def test_a_model_that_does_not_fit_the_data_is_told(inputs, tmp_path, model, config, words):
    save_model(network(**model), tmp_path / "other.h5")
    with pytest.raises(ModelError, match=words):
        train.run(settings(**config), inputs | {"model": tmp_path / "other.h5"}, tmp_path / "out")


def test_other_keypoints_get_a_head_of_their_own(inputs, tmp_path, capfd):
    known = network(keypoints=13)
    save_model(known, tmp_path / "other.h5")
    start = settings(epochs=1, frozen_layers="(0:-2)")
    made = train.run(start, inputs | {"model": tmp_path / "other.h5"}, tmp_path / "out")
    model = load_keras(made.files["model"])
    assert model.output_shape[1:] == (8, 8, 17)
    for old, new in zip(known.layers[:-2], model.layers[:-2], strict=True):
        for one, other in zip(old.get_weights(), new.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_quantized_model_cannot_be_trained(inputs, tmp_path):
    (tmp_path / "model.tflite").write_bytes(b"TFL3")
    with pytest.raises(ModelError, match=r"is not a Keras model"):
        train.run(settings(), inputs | {"model": tmp_path / "model.tflite"}, tmp_path / "out")


@pytest.mark.parametrize(
    ("frozen", "learning"),
    [
        ("(0:-1)", [2]),
        ("(0:4)", [1, 2]),
        pytest.param("(1, 4)", [2], marks=pytest.mark.slow),
        pytest.param([1, "4:5"], [2], marks=pytest.mark.slow),
        pytest.param(-2, [0, 1], marks=pytest.mark.slow),
        pytest.param(None, [0, 1, 2], marks=pytest.mark.slow),
    ],
)
def test_frozen_layers_keep_their_weights(inputs, tmp_path, frozen, learning):
    result = train.run(settings(epochs=1, frozen_layers=frozen), inputs, tmp_path / "out")
    before, after = (kernels(load_keras(p)) for p in (inputs["model"], result.files["model"]))
    changed = [i for i, n in enumerate(before) if not np.array_equal(before[n], after[n])]
    assert changed == learning


@pytest.mark.parametrize("frozen", ["(0:)", "(300:)"])
def test_freezing_all_or_nothing_is_told(inputs, tmp_path, frozen):
    with pytest.raises(ConfigError, match="some of the model's 10 layers"):
        train.run(settings(frozen_layers=frozen), inputs, tmp_path / "out")


def test_the_documents_layers_of_our_own_model(tmp_path):
    model_settings = {"alpha": 0.35, "input_shape": [64, 64, 3], "pretrained_weights": None}
    for frozen, first in (("(0:154)", 154), ("(0:-1)", -2)):
        config = settings(frozen_layers=frozen, model=model_settings)
        model = initialize(config, config.training, PERSON_17, {}, tmp_path).model
        expected = [layer.name for layer in model.layers[first:] if layer.weights]
        assert [x.name for x in model.layers if x.trainable and x.weights] == expected
    assert len(model.trainable_weights) == 3  # the last convolution and its normalization


def test_a_frozen_part_of_an_earlier_training_learns_again(inputs, tmp_path):
    first = train.run(settings(epochs=1, frozen_layers="(0:-1)"), inputs, tmp_path / "first")
    again = train.run(settings(epochs=1), inputs | {"model": first.files["model"]}, tmp_path / "b")
    before, after = (kernels(load_keras(r.files["model"])) for r in (first, again))
    assert not any(np.array_equal(before[name], after[name]) for name in before)


def test_dropout_is_set_in_the_given_model(inputs, tmp_path):
    result = train.run(settings(epochs=1, dropout=0.4), inputs, tmp_path / "out")
    found = [x.rate for x in load_keras(result.files["model"]).layers if hasattr(x, "rate")]
    assert found == [0.4]
    save_model(network(), tmp_path / "without.h5")
    with pytest.raises(ConfigError, match="no Dropout layer"):
        train.run(
            settings(dropout=0.4), inputs | {"model": tmp_path / "without.h5"}, tmp_path / "b"
        )


def scalars(logs: Path):
    """What TensorBoard shows: name to steps and values."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    board = EventAccumulator(str(logs), size_guidance={"tensors": 0})  # all of them
    board.Reload()
    return {
        name: (
            [event.step for event in board.Tensors(name)],
            [float(make_ndarray(event.tensor_proto)) for event in board.Tensors(name)],
        )
        for name in board.Tags()["tensors"]
    }


def test_what_a_training_leaves(inputs, tmp_path):
    result = train.run(settings(epochs=4), inputs, tmp_path / "out", logs=tmp_path / "logs")
    history = result.summary["history"]
    board = scalars(tmp_path / "logs")
    assert set(board) == set(history[0])
    for name, (steps, values) in board.items():
        assert steps == [1, 2, 3, 4]
        np.testing.assert_allclose(values, [figures[name] for figures in history], rtol=1e-5)
    lines = (tmp_path / "out" / "history.csv").read_text().splitlines()
    assert len(lines) == 5
    assert read_state(result.files["last_model"]).epoch == 4
    with h5py.File(result.files["last_model"]) as file:
        kept = sum(int(np.prod(file["poseline"][name].shape)) for name in file["poseline"])
    model = load_keras(result.files["last_model"])
    learned = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert kept >= 2 * learned  # Adam keeps two moments of each weight
    metadata = read_metadata(result.files["model"])
    assert (metadata.decoding, metadata.stride, metadata.input_shape) == (
        "dark",
        4,
        (32, 32, 3),
    )


@pytest.mark.parametrize(
    ("monitor", "mode", "choose"),
    [
        (None, None, max),
        pytest.param("val_oks", "max", max, marks=pytest.mark.slow),
        pytest.param("val_loss", "min", min, marks=pytest.mark.slow),
        pytest.param("val_loss", "auto", min, marks=pytest.mark.slow),
    ],
)
def test_the_best_model_is_the_one_monitored(inputs, tmp_path, monitor, mode, choose):
    callbacks = {"ModelCheckpoint": {"monitor": monitor, "mode": mode}} if monitor else {}
    unsteady = settings(
        epochs=6, callbacks=callbacks, optimizer={"SGD": {"learning_rate": 8.0, "momentum": 0.9}}
    )
    result = train.run(unsteady, inputs, tmp_path / "out")
    name = monitor or "val_oks"
    values = [figures[name] for figures in result.summary["history"]]
    best = choose(range(6), key=lambda epoch: values[epoch])
    assert result.metrics["best_epoch"] == best + 1
    assert result.metrics[name] == values[best]
    measured = evaluate(
        unsteady, {"model": result.files["model"], "test": inputs["validation"]}, tmp_path / "eval"
    )
    expected = result.summary["history"][best]["val_oks"]
    assert measured.metrics["oks"] == pytest.approx(expected, abs=1e-5)


def test_a_monitored_figure_that_is_none_is_told(inputs, tmp_path):
    wrong = settings(callbacks={"ModelCheckpoint": {"monitor": "val_accuracy"}})
    with pytest.raises(ConfigError, match=r"val_accuracy'; accepted: loss, val_loss, val_oks"):
        train.run(wrong, inputs, tmp_path / "out")


@pytest.mark.slow
def test_the_seed_decides_and_none_leaves_it_to_chance(inputs, tmp_path, deterministic):
    def history(name, seed):
        config = settings(general={"global_seed": seed, "deterministic_ops": True}, epochs=1)
        result = train.run(config, inputs, tmp_path / name)
        return result.summary["history"][0]["loss"], read_state(result.files["last_model"]).seed

    first, other = history("a", 7), history("c", 8)
    assert history("b", 7) == first
    assert other[0] != first[0]
    one, two = history("d", None), history("e", None)
    assert one[1] != two[1]
    assert one[0] != two[0]


def test_sizes_change_while_training_and_not_in_validation(inputs, tmp_path, monkeypatch):
    seen = []
    batch = pipeline.TrainingSet.batch

    def spy(self, number):
        images, labels = batch(self, number)
        seen.append((int(number), images.shape[1:3]))
        return images, labels

    monkeypatch.setattr(pipeline.TrainingSet, "batch", spy)
    resizing = {"image_sizes": [[32, 32], [64, 32], [64, 64]], "period": 2}
    config = settings(
        epochs=6, augmentation={"random_flip": {}, "random_periodic_resizing": resizing}
    )
    result = train.run(config, inputs, tmp_path / "out")
    sizes = [size for _, size in sorted(seen)]
    assert len(sizes) == 18
    assert set(sizes) == {(32, 32), (64, 32), (64, 64)}
    assert sizes[::2] == sizes[1::2]
    assert load_keras(result.files["model"]).input_shape == (None, 32, 32, 3)
    measured = evaluate(
        config, {"model": result.files["model"], "test": inputs["validation"]}, tmp_path / "eval"
    )
    best = max(figures["val_oks"] for figures in result.summary["history"])
    assert measured.metrics["oks"] == pytest.approx(best, abs=1e-5)


def test_an_operation_without_a_deterministic_form_is_told(capfd, deterministic):
    import tensorflow as tf

    refused = tf.errors.UnimplementedError(None, None, "no deterministic GPU implementation")
    with pytest.raises(tf.errors.UnimplementedError):
        tensorflow_setup.allow_nondeterminism(refused)
    tf.config.experimental.enable_op_determinism()
    tensorflow_setup.allow_nondeterminism(refused)
    assert not tf_config.is_op_determinism_enabled()
    assert "deterministic_ops is ignored" in "".join(capfd.readouterr())


def test_the_limit_of_gpu_memory_is_of_the_first_gpu(monkeypatch):
    import tensorflow as tf

    limits = {}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"{kind}:0", f"{kind}:1"])
    monkeypatch.setattr(tf.config, "set_logical_device_configuration", limits.__setitem__)
    tensorflow_setup.prepare(settings(general={"gpu_memory_limit": 1.5}).general)
    assert {gpu: [c.memory_limit for c in found] for gpu, found in limits.items()} == {
        "GPU:0": [1536]
    }


# Resuming


def config_text(**changes):
    resumed = {
        "resume_training_from": "somewhere",
        "batch_size": 8,
        "epochs": 2,
        "optimizer": "Adam",
    }
    return json.dumps(
        {
            "operation_mode": "training",
            "dataset": {"keypoints": 17, "training_path": "x"},
            "training": resumed | changes.pop("training", {}),
            **changes,
        }
    )


def test_resuming_excludes_a_model():
    parse(config_text())
    with pytest.raises(ConfigError, match="`model` and `resume_training_from` exclude each other"):
        parse(config_text(training={"model": {"alpha": 0.35}}))
    with pytest.raises(ConfigError, match=r"resume_training_from and general\.model_path"):
        parse(config_text(general={"model_path": "x.h5"}))


def test_what_holds_no_training_cannot_be_resumed(inputs, tmp_path):
    del inputs["model"]
    with pytest.raises(ModelError, match="holds no last_trained_model"):
        train.run(settings(), inputs | {"resume": tmp_path}, tmp_path / "out")
    save_model(network(), tmp_path / "plain.h5")
    with pytest.raises(ModelError, match=r"without the state of its training\n.*model_path"):
        train.run(settings(), inputs | {"resume": tmp_path / "plain.h5"}, tmp_path / "out")


def test_a_resumed_training_keeps_what_it_began_with(inputs, tmp_path, capfd):
    began = settings(epochs=2, frozen_layers="(0:-1)")
    first = train.run(began, inputs, tmp_path / "first" / "saved_models")
    del inputs["model"]
    resume = inputs | {"resume": tmp_path / "first"}
    capfd.readouterr()
    other = settings(
        epochs=4,
        batch_size=4,
        dropout=0.5,
        optimizer={"SGD": {"learning_rate": 1.0}},
        heatmaps={"target": "one_hot"},
        callbacks={"LRStepDecay": {"initial_lr": 0.003, "step_size": 9, "decay_rate": 0.5}},
    )
    result = train.run(other, resume, tmp_path / "second" / "saved_models")
    told = "".join(capfd.readouterr())
    for name in ("dropout", "frozen_layers", "optimizer", "heatmaps"):
        assert f"training.{name}" in told
    history = result.summary["history"]
    assert history[:2] == first.summary["history"]
    np.testing.assert_allclose(
        [f["learning_rate"] for f in history], [0.01, 0.01, 0.003, 0.003], rtol=1e-6
    )
    before, after = (kernels(load_keras(r.files["last_model"])) for r in (first, result))
    assert [np.array_equal(before[n], after[n]) for n in before] == [True, True, False]
    with h5py.File(result.files["last_model"]) as file:  # Adam's count of the steps
        assert 2 * 3 + 2 * 6 in [
            file["poseline"][n][()].item()
            for n in file["poseline"]
            if file["poseline"][n].shape == ()
        ]
    assert read_metadata(result.files["model"]).decoding == "dark"


@pytest.mark.slow
def test_a_resumed_training_surpasses_the_best_before_it_or_keeps_it(inputs, tmp_path):
    good = settings(epochs=3, optimizer={"Adam": {"learning_rate": 0.02}})
    first = train.run(good, inputs, tmp_path / "first")
    del inputs["model"]
    spoiling = {"LRStepDecay": {"initial_lr": 50.0, "step_size": 9, "decay_rate": 0.5}}
    worse = settings(epochs=5, callbacks=spoiling)
    result = train.run(worse, inputs | {"resume": first.files["last_model"]}, tmp_path / "second")
    figures = [f["val_oks"] for f in result.summary["history"]]
    assert max(figures[3:]) < max(figures[:3])
    assert same(weights(result.files["model"]), weights(first.files["model"]))
    assert result.metrics["best_epoch"] == first.metrics["best_epoch"]
    (first.out / "best_model.h5").unlink()
    alone = train.run(worse, inputs | {"resume": first.files["last_model"]}, tmp_path / "third")
    assert alone.metrics["best_epoch"] == 4 + int(np.argmax(figures[3:]))
    assert alone.metrics["val_oks"] == max(figures[3:])


@pytest.mark.slow
def test_patience_can_be_changed_and_a_stopped_training_goes_on(inputs, tmp_path):
    def stopping(patience, **more):
        early = {"monitor": "val_oks", "mode": "max", "min_delta": 0.9, "patience": patience}
        return settings(callbacks={"EarlyStopping": early}, **more)

    first = train.run(stopping(2, epochs=9), inputs, tmp_path / "first")
    assert read_state(first.files["last_model"]).epoch == 3
    del inputs["model"]
    resume = inputs | {"resume": first.files["last_model"]}
    result = train.run(stopping(5, epochs=9), resume, tmp_path / "second")
    assert read_state(result.files["last_model"]).epoch == 6


SCRIPT = """
import json, sys
from pathlib import Path
from poseline.config.models.config import Config
from poseline.stages import train
inputs = {name: Path(path) for name, path in json.loads(sys.argv[2]).items()}
train.run(Config.model_validate_json(Path(sys.argv[1]).read_text()), inputs, Path(sys.argv[3]))
"""


def start_training(config: Path, inputs, out: Path):
    """Start a training in a process of its own: sums depend on the threads of TensorFlow."""
    places = json.dumps({name: str(path) for name, path in inputs.items()})
    arguments = [sys.executable, "-c", SCRIPT, str(config), places, str(out)]
    return subprocess.Popen(arguments, stdout=-3, stderr=subprocess.PIPE, text=True)


def finish_training(config: Path, inputs, out: Path):
    with start_training(config, inputs, out) as process:
        told = process.stderr.read()
    assert process.returncode == 0, told
    return StageResult.load(out)


def end_training(config: Path, inputs, out: Path, epochs: int, pause: float, one: signal.Signals):
    """Start a training, and send a signal some time after so many epochs are done."""
    with start_training(config, inputs, out) as process:
        history = out / "history.csv"
        while not history.is_file() or len(history.read_text().splitlines()) <= epochs:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.002)
        time.sleep(pause)
        process.send_signal(one)
        told = process.stderr.read()
        assert process.wait() != 0, "finished before the signal"
    assert ("TrainingInterruptedError" in told) == (one == signal.SIGTERM)
    assert not (out / "manifest.json").exists()


def check_ended_training(inputs, tmp_path: Path, signals, epochs):
    plateau = {"ReduceLROnPlateau": {"monitor": "val_oks", "mode": "max", "patience": 2}}
    resizing = {"image_sizes": [[32, 32], [64, 32]], "period": 2}
    config = settings(
        general={"deterministic_ops": True},
        epochs=epochs,
        callbacks=plateau,
        dropout=0.2,
        ema=0.9,
        augmentation={"random_flip": {}, "random_blur": {}, "random_periodic_resizing": resizing},
    )
    (tmp_path / "config.json").write_text(config.model_dump_json())
    whole = finish_training(tmp_path / "config.json", inputs, tmp_path / "whole")
    chance = random.Random(int(time.time()))
    done, place = 0, (tmp_path / "config.json", inputs, tmp_path / "parts")
    for one in signals:
        done = chance.randrange(done + 1, done + epochs // (2 * len(signals) + 1))
        end_training(*place, done, chance.uniform(0, 0.05), one)
        done = read_state(tmp_path / "parts" / LAST).epoch
    parts = finish_training(*place)
    assert parts.summary == whole.summary
    assert parts.metrics == whole.metrics
    for role in ("model", "last_model"):
        assert same(weights(parts.files[role]), weights(whole.files[role])), role
    with h5py.File(parts.files["last_model"]) as one, h5py.File(whole.files["last_model"]) as other:
        for name in other["poseline"]:
            np.testing.assert_array_equal(one["poseline"][name][()], other["poseline"][name][()])
    assert not list(parts.out.glob(".*"))
    assert scalars(parts.out / "logs")["loss"][0] == list(range(1, epochs + 1))


def test_what_a_killed_training_left_half_written_goes(inputs, tmp_path):
    halves = (
        ".last_trained_model.h5.json.rk98fpcn",
        ".best_model.partial.h5",
        "..last_trained_model.partial.partial.h5",
        ".history.csv.x7",
    )
    (tmp_path / "out").mkdir()
    for name in halves:
        (tmp_path / "out" / name).write_text("half a li")
    train.run(settings(epochs=1), inputs, tmp_path / "out")
    assert not list((tmp_path / "out").glob(".*"))


def test_a_killed_training_goes_on_to_the_same_weights(inputs, tmp_path, deterministic):
    check_ended_training(inputs, tmp_path, [signal.SIGKILL], epochs=16)


@pytest.mark.slow
def test_a_training_ended_again_and_again_ends_with_the_same_weights(
    inputs, tmp_path, deterministic
):
    signals = [signal.SIGTERM, signal.SIGKILL, signal.SIGTERM, signal.SIGKILL]
    check_ended_training(inputs, tmp_path, signals, epochs=60)


# What can be trained


@pytest.mark.slow
@pytest.mark.parametrize("target", ["gaussian", "one_hot"])
def test_a_trained_model_is_read_finer_between_the_cells(tmp_path, target):
    markers(tmp_path / "train", 96)
    markers(tmp_path / "val", 24, seed=1)
    keras.utils.set_random_seed(3)
    save_model(network(side=64), tmp_path / "start.h5")
    inputs = {name: tmp_path / name for name in ("train", "val")}
    inputs = {
        "training": inputs["train"],
        "validation": inputs["val"],
        "model": tmp_path / "start.h5",
    }
    config = settings(epochs=25, heatmaps={"target": target}, augmentation={"random_flip": {}})
    result = train.run(config, inputs, tmp_path / "out")
    oks = {}
    for decoding in ("argmax", "quadratic", "dark"):
        read = Config.model_validate(
            config.model_dump(mode="json") | {"postprocessing": {"decoding": decoding}}
        )
        test = {"model": result.files["model"], "test": inputs["validation"]}
        oks[decoding] = evaluate(read, test, tmp_path / decoding).metrics["oks"]
    assert oks["argmax"] > 0.5
    assert min(oks["quadratic"], oks["dark"]) > oks["argmax"] + 0.03
    expected = "dark" if target == "gaussian" else "argmax"
    assert read_metadata(result.files["model"]).decoding == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("keypoints", "shape", "mode"),
    [(13, (32, 64, 3), "rgb"), (21, (96, 32, 1), "grayscale"), (17, (64, 64, 4), "rgba")],
)
def test_any_keypoints_any_size_any_channels(tmp_path, keypoints, shape, mode):
    markers(tmp_path / "train", 8, keypoints=keypoints)
    data = settings(
        epochs=1,
        batch_size=4,
        preprocessing={"color_mode": mode},
        dropout=0.1,
        model={"alpha": 0.35, "input_shape": list(shape), "pretrained_weights": None},
    ).model_dump(mode="json")
    data["dataset"]["keypoints"] = keypoints
    result = train.run(
        Config.model_validate(data), {"training": tmp_path / "train"}, tmp_path / "out"
    )
    model = load_keras(result.files["model"])
    assert model.input_shape == (None, *shape)
    assert model.output_shape == (None, shape[0] // 4, shape[1] // 4, keypoints)
    assert np.isfinite(result.summary["history"][0]["val_loss"])


def cut_off(folder: Path, sample: str) -> None:
    path = folder / f"{sample}.jpg"
    path.write_bytes(path.read_bytes()[:600])


def pixels_for_shares(folder: Path, sample: str) -> None:
    (folder / f"{sample}.txt").write_text("0 320 240 64 48 " + "300 200 2 " * 17)


@pytest.mark.parametrize("damage", [cut_off, pixels_for_shares])
@pytest.mark.parametrize("part", ["train", "val"])
def test_damaged_data_is_reported_by_the_name_of_its_file(inputs, tmp_path, damage, part):
    role = {"train": "training", "val": "validation"}[part]
    folder = tmp_path / part
    shutil.copytree(inputs[role], folder)
    damage(folder, "003")
    with pytest.raises(DataError, match=r"003\.(jpg|txt)") as caught:
        train.run(settings(epochs=1), inputs | {role: folder}, tmp_path / "out")
    assert caught.value.exit_code == 3
    assert caught.value.remedy


def test_a_damaged_shard_is_reported_by_its_name(inputs, tmp_path):
    pack(inputs["training"], tmp_path / "packed")
    shard = tmp_path / "packed" / "shard-00000.tar"
    shard.write_bytes(shard.read_bytes()[:-512] + b"x" * 512)
    with pytest.raises(StoreError, match=r"shard-00000\.tar differs from its checksum"):
        train.run(settings(), inputs | {"training": tmp_path / "packed"}, tmp_path / "out")
