import pytest

from poseline.config.models.training import Training
from poseline.errors import ConfigError
from poseline.training import keras_factory

BASE = {"batch_size": 1, "epochs": 1, "optimizer": "Adam"}


def test_optimizers_and_callbacks_by_name():
    training = Training.model_validate(
        BASE
        | {
            "optimizer": {"SGD": {"learning_rate": "1e-3", "momentum": 0.9}},
            "callbacks": {
                "EarlyStopping": {"monitor": "val_oks", "mode": "max"},
                "ModelCheckpoint": {"monitor": "val_oks"},
            },
        }
    )
    assert float(keras_factory.optimizer(training).learning_rate) == pytest.approx(1e-3)
    assert [type(c).__name__ for c in keras_factory.callbacks(training)] == ["EarlyStopping"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"optimizer": "Adamm"}, "did you mean `Adam`"),
        ({"optimizer": {"Adam": {"lerning_rate": 1}}}, "learning_rate"),
        ({"callbacks": {"EarlyStoping": None}}, "did you mean `EarlyStopping`"),
        ({"callbacks": {"LearningRateScheduler": {"schedule": "lambda e: 1"}}}, "not run"),
    ],
)
def test_wrong_names_and_settings_are_told(change, words):
    training = Training.model_validate(BASE | change)
    with pytest.raises(ConfigError, match=words):
        keras_factory.optimizer(training)
        keras_factory.callbacks(training)
