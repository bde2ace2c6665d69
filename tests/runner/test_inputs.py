import pytest

from poseline.config.models.config import Config
from poseline.runner.inputs import Sources


@pytest.mark.parametrize(
    ("dataset", "converted", "test", "words"),
    [
        ({"training_path": "t", "test_path": "x"}, {}, "x", "the test set"),
        ({}, {"train": "t", "val": "v", "test": "x"}, "x", "the test set"),
        ({}, {"train": "t", "val": "v"}, "v", "also chose the best epoch"),
        ({"training_path": "t"}, {}, "t", "validation held back"),
    ],
)
def test_where_the_figures_come_from_is_said(dataset, converted, test, words):
    config = Config.model_validate({"dataset": {"keypoints": 17, **dataset}})
    sources = Sources.named(config).completed(converted)
    assert sources.test == test
    assert words in sources.test_set
