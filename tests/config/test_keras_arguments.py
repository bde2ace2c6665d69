import inspect
import subprocess
import sys

import pytest
from support.samples import TINY

from poseline.config.loading.load import parse
from poseline.config.models.training import Training
from poseline.config.requirements import keras_arguments as table
from poseline.errors import ConfigError

UNREACHABLE = ("LossScaleOptimizer", "MultiOptimizer")
"""Optimizers of Keras around others, which a config cannot write down."""
WITHOUT_USE = ("CallbackList",)
"""Callbacks of Keras that a training has anyway."""
BASE = {"batch_size": 1, "epochs": 1, "optimizer": "Adam"}


def problems(**change):
    return table.problems(Training.model_validate(BASE | change))


@pytest.mark.parametrize(
    ("change", "path", "said"),
    [
        ({"optimizer": "adam"}, "training.optimizer.adam", "`Adam`"),
        ({"optimizer": "ADAMW"}, "training.optimizer.ADAMW", "`AdamW`"),
        ({"optimizer": "Adamm"}, "training.optimizer.Adamm", "`Adam`"),
        ({"optimizer": "sgd"}, "training.optimizer.sgd", "`SGD`"),
        ({"optimizer": {"Adam": {"lr": 1}}}, "training.optimizer.Adam.lr", "learning_rate"),
        (
            {"optimizer": {"Adam": {"lerning_rate": 1}}},
            "training.optimizer.Adam.lerning_rate",
            "`learning_rate`",
        ),
        (
            {"optimizer": {"Adam": {"learning_rate": "x"}}},
            "training.optimizer.Adam.learning_rate",
            "from 0",
        ),
        (
            {"optimizer": {"Adam": {"learning_rate": -1}}},
            "training.optimizer.Adam.learning_rate",
            "from 0",
        ),
        (
            {"optimizer": {"Adam": {"learning_rate": None}}},
            "training.optimizer.Adam.learning_rate",
            "from 0",
        ),
        ({"optimizer": {"SGD": {"momentum": 9}}}, "training.optimizer.SGD.momentum", "0 to 1"),
        ({"optimizer": {"SGD": {"nesterov": "maybe"}}}, "training.optimizer.SGD.nesterov", "True"),
        (
            {"optimizer": {"Adam": {"clipnorm": 1, "clipvalue": 1}}},
            "training.optimizer.Adam",
            "clipnorm and clipvalue",
        ),
        (
            {"optimizer": {"LossScaleOptimizer": {}}},
            "training.optimizer.LossScaleOptimizer",
            "unknown",
        ),
        (
            {"callbacks": {"EarlyStoping": None}},
            "training.callbacks.EarlyStoping",
            "`EarlyStopping`",
        ),
        (
            {"callbacks": {"earlystopping": None}},
            "training.callbacks.earlystopping",
            "`EarlyStopping`",
        ),
        (
            {"callbacks": {"EarlyStopping": {"monitor": "val_ok"}}},
            "training.callbacks.EarlyStopping.monitor",
            "`val_oks`",
        ),
        (
            {"callbacks": {"EarlyStopping": {"monitor": "val_accuracy"}}},
            "training.callbacks.EarlyStopping.monitor",
            "val_loss, val_oks",
        ),
        (
            {"callbacks": {"ModelCheckpoint": {"monitor": "val_acc"}}},
            "training.callbacks.ModelCheckpoint.monitor",
            "val_oks",
        ),
        (
            {"callbacks": {"ModelCheckpoint": {"monitor": "val_oks", "mode": "best"}}},
            "training.callbacks.ModelCheckpoint.mode",
            "auto, min, max",
        ),
        (
            {"callbacks": {"EarlyStopping": {"monitor": "learning_rate"}}},
            "training.callbacks.EarlyStopping.mode",
            "min or max",
        ),
        (
            {"callbacks": {"EarlyStopping": {"patience": 2.5}}},
            "training.callbacks.EarlyStopping.patience",
            "whole",
        ),
        (
            {"callbacks": {"EarlyStopping": {"pateince": 2}}},
            "training.callbacks.EarlyStopping.pateince",
            "`patience`",
        ),
        (
            {"callbacks": {"ReduceLROnPlateau": {"factor": 1.5}}},
            "training.callbacks.ReduceLROnPlateau.factor",
            "below 1",
        ),
        (
            {"callbacks": {"LearningRateScheduler": {"schedule": "lambda e: 1"}}},
            "training.callbacks.LearningRateScheduler",
            "not run",
        ),
        (
            {"callbacks": {"BackupAndRestore": {"backup_dir": "x"}}},
            "training.callbacks.BackupAndRestore",
            "built in",
        ),
        (
            {"callbacks": {"LRCosineDecay": {"initial_lr": 1}}},
            "training.callbacks.LRCosineDecay",
            "no hold_steps, decay_steps, end_lr",
        ),
        (
            {"callbacks": {"LRStepDecay": {"initial_lr": 1, "step_size": 0, "decay_rate": 0.5}}},
            "training.callbacks.LRStepDecay.step_size",
            "from 1",
        ),
        ({"callbacks": {"CSVLogger": None}}, "training.callbacks.CSVLogger", "no filename"),
    ],
)
def test_what_keras_would_refuse_is_told_with_its_place(change, path, said):
    (problem,) = problems(**change)
    assert problem.path == path
    assert said in str(problem)


@pytest.mark.parametrize(
    "change",
    [
        {"optimizer": {"AdamW": {"learning_rate": "1e-3", "weight_decay": None}}},
        {"callbacks": {"EarlyStopping": {"monitor": "val_oks", "patience": 3}}},
        {"callbacks": {"ReduceLROnPlateau": {"monitor": "val_loss", "factor": 0.5, "verbose": 1}}},
        {
            "callbacks": {
                "LRWarmupCosineDecay": {
                    "max_lr": 1e-2,
                    "warmup_steps": 3,
                    "hold_steps": 0,
                    "decay_steps": 5,
                    "end_lr": 0,
                    "verbose": 1,
                }
            }
        },
        {"callbacks": {"ModelCheckpoint": {"monitor": "val_oks", "mode": "max"}}},
        {"callbacks": {"TerminateOnNaN": None, "SwapEMAWeights": None}},
    ],
)
def test_what_keras_takes_is_taken(change):
    assert problems(**change) == []


def test_a_config_lists_them_with_its_other_faults_and_without_tensorflow():
    change = ["training.optimizer={adam: {}}", "training.callbacks.EarlyStopping.monitor=val_acc"]
    with pytest.raises(ConfigError) as caught:
        parse(TINY, change)
    assert {problem.path for problem in caught.value.problems} == {
        "dataset.training_path",
        "training.optimizer.adam",
        "training.callbacks.EarlyStopping.monitor",
    }
    code = (
        "import sys; import poseline.config.loading.load; "
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def _signatures(module, base):
    return {
        name: inspect.signature(value).parameters
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, base) and value is not base
    }


def _agree(arguments, parameters):
    """The table has the function's arguments, requires those without a default, and fits these."""
    assert set(arguments) == {p for p in parameters if p != "kwargs"}
    for name, kind in arguments.items():
        default = parameters[name].default
        assert kind.endswith("!") == (default is inspect.Parameter.empty), name
        if default is not inspect.Parameter.empty:
            assert table._wrong(name, default, kind) is None, (name, default)


def test_the_tables_are_those_of_keras():
    keras = pytest.importorskip("keras")
    optimizers = _signatures(keras.optimizers, keras.optimizers.Optimizer)
    assert set(optimizers) == {*table.OPTIMIZERS, *UNREACHABLE}
    for name, arguments in table.OPTIMIZERS.items():
        _agree(arguments, optimizers[name])
    callbacks = _signatures(keras.callbacks, keras.callbacks.Callback)
    others = {*table.REFUSED, *WITHOUT_USE, *table.BUILT_IN}
    assert set(callbacks) == {*table.CALLBACKS, *others}
    for name, arguments in table.CALLBACKS.items():
        _agree(arguments, callbacks[name])


def test_the_table_of_schedulers_is_that_of_the_schedules():
    from poseline.training.learning_rate import SCHEDULES

    assert set(table.SCHEDULERS) == set(SCHEDULES)
    for name, arguments in table.SCHEDULERS.items():
        _agree(arguments, inspect.signature(SCHEDULES[name]).parameters)


@pytest.mark.parametrize(
    ("overrides", "accepted"),
    [
        (
            ["operation_mode=quantization", "training=null", "general.model_path=m.onnx"],
            "onnx_quantizer for an .onnx model",
        ),
        (
            [
                "operation_mode=quantization",
                "training=null",
                "general.model_path=m.onnx",
                "quantization.quantizer=onnx_quantizer",
            ],
            "float",
        ),
        (
            [
                "operation_mode=quantization",
                "training=null",
                "general.model_path=m.onnx",
                "quantization.quantizer=onnx_quantizer",
                "quantization.quantization_input_type=float",
                "quantization.granularity=per_tensor",
                "quantization.optimize=True",
            ],
            "the weights of Keras models are equalized",
        ),
    ],
)
def test_a_quantizer_that_would_fail_later_is_refused(overrides, accepted):
    with pytest.raises(ConfigError, match=accepted):
        parse(TINY, overrides)
