import keras
import numpy as np
import pytest

from poseline.training import checkpoint
from poseline.training.checkpoint import TrainingState


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_training_of_thousands_of_epochs_is_kept(tmp_path):
    figures = {"loss": 1 / 3, "val_loss": 2 / 3, "val_oks": 1 / 7, "learning_rate": 1e-3 / 3}
    state = TrainingState(epoch=5000, best=0.5, history=[figures] * 5000, config_hash="c")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    for variable in optimizer.variables:
        variable.assign(np.full(variable.shape, 3))
    path = tmp_path / "last.h5"
    checkpoint.save(model, optimizer.variables, state, path)
    assert checkpoint.read_state(path) == state
    again = keras.optimizers.Adam()
    again.build(model.trainable_variables)
    checkpoint.restore_variables(again.variables, path)
    for one, other in zip(optimizer.variables, again.variables, strict=True):
        np.testing.assert_array_equal(one, other)
