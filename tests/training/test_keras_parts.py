"""Every optimizer and callback of Keras that a config may name, in a real training."""

import inspect
import json

import keras
import numpy as np
import pytest
from support.small import network

from poseline.config.models.training import Heatmaps, Training
from poseline.errors import ConfigError
from poseline.training import keras_factory
from poseline.training.fast_model import make_twin
from poseline.training.trainer import Trainer

pytestmark = pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning")  # Keras'

OPTIMIZERS = sorted(
    name
    for name, value in vars(keras.optimizers).items()
    if inspect.isclass(value)
    and issubclass(value, keras.optimizers.Optimizer)
    and name not in ("Optimizer", "LossScaleOptimizer", "MultiOptimizer")  # take other optimizers
)


class Batches:
    """The same two batches in every epoch."""

    def __init__(self):
        random = np.random.default_rng(1)
        images = random.random((2, 4, 32, 32, 3), np.float32)
        labels = random.uniform(0.2, 0.8, (2, 4, 18, 3)).astype(np.float32)
        labels[..., :17, 2] = 1
        labels[..., 17, :] = (64, 64, 2000)
        self._batches = list(zip(images, labels, strict=True))

    def __len__(self):
        return len(self._batches)

    @property
    def pictures(self):
        return sum(len(images) for images, _ in self._batches)

    def keep(self, count):
        self._batches = self._batches[:count]

    def spoil(self):
        self._batches[1][1][0, 0, 0] = np.nan

    def batches(self, epoch):
        return iter(self._batches)


def fit(epochs=2, batches=None, after=lambda trainer: None, **settings):
    """Train the small network and return its trainer."""
    keras.utils.set_random_seed(2)
    base = {"batch_size": 4, "epochs": epochs, "optimizer": {"Adam": {"learning_rate": 0.01}}}
    training = Training.model_validate(base | settings)
    model = network()
    batches = batches or Batches()
    twin = make_twin(model, len(batches))
    twin.compile(optimizer=keras_factory.optimizer(training))
    trainer = Trainer(
        model,
        twin,
        Heatmaps(),
        "quadratic",
        "fit",
        (0.1,) * 17,
        keras_factory.callbacks(training),
        ema=keras_factory.averaging(training),
    )
    trainer.fit(batches, lambda: batches.batches(0), epochs, lambda *_: after(trainer))
    return trainer


@pytest.mark.parametrize(
    "name",
    [
        name if name in ("Adam", "Muon", "SGD") else pytest.param(name, marks=pytest.mark.slow)
        for name in OPTIMIZERS
    ],
)
def test_every_optimizer_of_keras_learns(name):
    rate = {"Adadelta": 1.0, "Adagrad": 0.05, "Ftrl": 0.05, "Lion": 0.002, "Adafactor": 0.05}
    trainer = fit(8, optimizer={name: {"learning_rate": rate.get(name, 0.01)}})
    losses = [figures["loss"] for figures in trainer.state.history]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.9 * losses[0]
    assert len(trainer.variables) > 1


def test_an_optimizer_that_takes_optimizers_is_told():
    training = Training.model_validate(
        {"batch_size": 1, "epochs": 1, "optimizer": {"LossScaleOptimizer": {}}}
    )
    with pytest.raises(ConfigError, match="LossScaleOptimizer: found an unknown name"):
        keras_factory.optimizer(training)


def test_the_rate_falls_where_val_oks_stands_still():
    plateau = {
        "ReduceLROnPlateau": {
            "monitor": "val_oks",
            "mode": "max",
            "factor": 0.5,
            "patience": 2,
            "min_delta": 0.9,
        }
    }
    rates = [f["learning_rate"] for f in fit(6, callbacks=plateau).state.history]
    # Keras has waited twice after the first epoch when it halves, at the end of an epoch.
    np.testing.assert_allclose(rates, [0.01, 0.01, 0.01, 0.005, 0.005, 0.0025], rtol=1e-6)


def test_a_training_stops_where_val_oks_stands_still():
    stopping = {
        "EarlyStopping": {"monitor": "val_oks", "mode": "max", "patience": 2, "min_delta": 0.9}
    }
    trainer = fit(9, callbacks=stopping)
    assert trainer.state.epoch == 3
    assert trainer.state.stopped
    assert trainer.state.callbacks["EarlyStopping"]["wait"] == 2


def test_a_schedule_sets_the_rate_of_each_epoch():
    decay = {"LRStepDecay": {"initial_lr": 0.02, "step_size": 2, "decay_rate": 0.1}}
    rates = [f["learning_rate"] for f in fit(4, callbacks=decay).state.history]
    np.testing.assert_allclose(rates, [0.02, 0.02, 0.002, 0.002], rtol=1e-6)


def test_csv_logger_writes_the_figures(tmp_path):
    path = tmp_path / "log.csv"
    trainer = fit(callbacks={"CSVLogger": {"filename": str(path)}})
    header, *rows = path.read_text().splitlines()
    assert {"epoch", "loss", "val_loss", "val_oks", "learning_rate"} == set(header.split(","))
    assert len(rows) == trainer.state.epoch == 2


def test_a_training_that_is_lost_ends():
    batches = Batches()
    batches.spoil()
    trainer = fit(6, batches=batches, callbacks={"TerminateOnNaN": {}})
    assert trainer.state.epoch == 1
    assert trainer.state.stopped


def test_progress_by_keras_is_written(capfd):
    fit(callbacks={"ProgbarLogger": {}})
    assert "2/2" in capfd.readouterr().out


def test_history_by_keras_is_possible():
    assert fit(callbacks={"History": {}}).state.epoch == 2


def test_remote_monitor_sends_the_figures():
    import http.server
    import threading

    received = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    root = f"http://127.0.0.1:{server.server_port}"
    fit(callbacks={"RemoteMonitor": {"root": root, "send_as_json": True}})
    server.shutdown()
    server.server_close()
    assert [json.loads(r)["epoch"] for r in received] == [0, 1]


_RATE = {"learning_rate": 0.5}
_AVERAGED = {"SGD": _RATE | {"use_ema": True, "ema_momentum": 0.5}}


def kernels(**settings):
    """Return the first kernel after each of three epochs of one step each, and the trainer."""
    batches, found = Batches(), []
    batches.keep(1)

    def keep(trainer):
        found.append(trainer.export().layers[1].get_weights()[0])

    return found, fit(3, batches, keep, **({"optimizer": {"SGD": _RATE}} | settings)), batches


@pytest.fixture(scope="module")
def unaveraged():
    return kernels()[0]


@pytest.mark.parametrize(
    "settings",
    [
        {"ema": 0.5},
        pytest.param({"optimizer": _AVERAGED}, marks=pytest.mark.slow),
        pytest.param(
            {"optimizer": _AVERAGED, "callbacks": {"SwapEMAWeights": {}}}, marks=pytest.mark.slow
        ),
        pytest.param(  # weights that are not packed
            {"ema": 0.5, "optimizer": {"SGD": _RATE | {"clipnorm": 1e9}}}, marks=pytest.mark.slow
        ),
    ],
)
def test_averaged_weights_are_what_is_measured_and_saved(unaveraged, settings):
    found, trainer, batches = kernels(**settings)
    keras.utils.set_random_seed(2)
    expected = network().layers[1].get_weights()[0]
    for step, (average, weights) in enumerate(zip(found, unaveraged, strict=True), 1):
        momentum = min(0.5, (1 + step) / (10 + step))
        expected = momentum * expected + (1 - momentum) * weights
        np.testing.assert_allclose(average, expected, rtol=1e-4, atol=1e-6)
    assert np.abs(found[-1] - unaveraged[-1]).max() > 1e-4
    measured = trainer.state.history[-1]["val_oks"]
    trainer.twin.set_weights(trainer.export().get_weights())
    assert trainer.validate(batches.batches(0))["val_oks"] == pytest.approx(measured, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("LearningRateScheduler", {"schedule": "lambda e: 1"}, "not run"),
        ("LambdaCallback", {"on_epoch_end": "print"}, "not run"),
        ("BackupAndRestore", {"backup_dir": "x"}, "built in"),
        ("OrbaxCheckpoint", {"directory": "x"}, "built in"),
        ("EarlyStopping", {"patiense": 3}, "patience"),
        ("Nothing", {}, "unknown name"),
    ],
)
def test_callbacks_that_cannot_be_are_told(name, settings, words):
    training = Training.model_validate(
        {"batch_size": 1, "epochs": 1, "optimizer": "Adam", "callbacks": {name: settings}}
    )
    with pytest.raises(ConfigError, match=words):
        keras_factory.callbacks(training)


@pytest.mark.parametrize(
    "callbacks",
    [
        {"TensorBoard": {}},
        {"ModelCheckpoint": {"save_best_only": True}},
        {"ModelCheckpoint": {"filepath": "x.h5", "monitor": "val_oks"}},
    ],
)
def test_built_in_callbacks_cannot_be_redefined(callbacks):
    with pytest.raises(ValueError, match="built in"):
        Training.model_validate(
            {"batch_size": 1, "epochs": 1, "optimizer": "Adam", "callbacks": callbacks}
        )
