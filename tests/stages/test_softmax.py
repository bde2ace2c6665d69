"""A model with a softmax over the cells, from training to int8."""

import numpy as np
import pytest
from support.small import markers

from poseline.boards.graph import read_graph
from poseline.boards.tflm_operators import used
from poseline.config.models.config import Config
from poseline.models.metadata import read_metadata
from poseline.runtime import open_model
from poseline.stages import evaluate, quantize, train

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning"),  # Keras'
]


def test_it_learns_and_int8_loses_little(tmp_path):
    markers(tmp_path / "train", 48)
    markers(tmp_path / "val", 16, seed=1)
    config = Config.model_validate(
        {
            "general": {"global_seed": 7},
            "operation_mode": "chain_tqe",
            "dataset": {"keypoints": 17, "training_path": "-"},
            "training": {
                "model": {
                    "alpha": 0.35,
                    "input_shape": [64, 64, 3],
                    "pretrained_weights": None,
                    "final_activation": "softmax",
                },
                "batch_size": 8,
                "epochs": 12,
                "optimizer": {"Adam": {"learning_rate": 0.003}},
                "model_format": "keras",
            },
            "quantization": {"quantization_output_type": "int8"},
        }
    )
    trained = train.run(
        config,
        {"training": tmp_path / "train", "validation": tmp_path / "val"},
        tmp_path / "trained",
    )
    model = trained.files["model"]
    history = trained.summary["history"]
    assert model.name == "best_model.keras"
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    assert history[0]["loss"] < 1.2 * np.log(16 * 16)  # an even spread over the cells at first
    metadata = read_metadata(model)
    assert (metadata.final_activation, metadata.decoding) == ("softmax", "dark")
    inputs = {"model": model, "calibration": tmp_path / "train"}
    int8 = quantize.run(config, inputs, tmp_path / "int8").files["model"]
    assert read_metadata(int8).final_activation == "softmax"
    assert open_model(int8).output_dtype == "int8"
    operators = set(used(read_graph(int8.read_bytes())))
    assert not operators & {"SOFTMAX", "EXP", "DIV", "SUM", "REDUCE_MAX", "LOGISTIC"}
    scores = [
        evaluate.run(config, {"model": file, "test": tmp_path / "val"}, tmp_path / name).metrics
        for file, name in ((model, "float"), (int8, "quantized"))
    ]
    assert abs(scores[0]["oks"] - scores[1]["oks"]) < 0.05
    assert scores[0]["oks"] > history[0]["val_oks"]
