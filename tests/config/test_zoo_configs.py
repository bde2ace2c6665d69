"""The layouts and habits of the public zoo's configs, in files of our own."""

import textwrap

import pytest

from poseline.config.loading.load import parse
from poseline.errors import ConfigError

COMMON = """
dataset: {name: people, keypoints: 17, test_path: ../sets/val, quantization_path: ../sets/train}
preprocessing:
  rescaling: {scale: 1/127.5, offset: -1}
  resizing: {aspect_ratio: fit, interpolation: nearest}
  color_mode: rgb
tools:
  stedgeai:
    version: 10.0.0
    optimization: balanced
    on_cloud: True
    path_to_stedgeai: C:/Users/<XXXXX>/Packs/<*.*.*>/windows/stedgeai.exe
  path_to_cubeIDE: C:/ST/STM32CubeIDE_<*.*.*>/stm32cubeide.exe
benchmarking: {board: STM32H747I-DISCO}
mlflow: {uri: ./experiments_outputs/mlruns}
hydra: {run: {dir: "./experiments_outputs/${now:%Y_%m_%d_%H_%M_%S}"}}
"""


def config(text):
    return COMMON + textwrap.dedent(text)


def faults(text):
    with pytest.raises(ConfigError) as error:
        parse(text)
    return {problem.path: problem for problem in error.value.problems}


@pytest.mark.parametrize(
    "text",
    [
        # A training section beside a mode that does not train holds a batch size alone.
        """
        general: {model_path: ../zoo/heatmaps.h5, model_type: heatmaps_spe, num_threads_tflite: 8}
        operation_mode: chain_eqeb
        training: {batch_size: 32}
        quantization: {quantizer: TFlite_converter, quantization_type: PTQ,
                       quantization_input_type: uint8, quantization_output_type: float}
        """,
        """
        general: {model_path: ../zoo/thunder_int8.tflite, model_type: spe}
        operation_mode: evaluation
        training: {batch_size: 1}
        postprocessing: {kpts_conf_thresh: 0.15}
        """,
        """
        general: {model_path: https://example.org/blob/yolo_256.tflite, model_type: yolo_mpe}
        operation_mode: prediction
        postprocessing: {confidence_thresh: 0.001, NMS_thresh: 0.1, plot_metrics: true,
                         max_detection_boxes: 100}
        prediction: {test_files_path: ../pictures}
        """,
    ],
)
def test_they_load(text):
    parse(config(text))


def test_an_unknown_mode_asks_for_nothing_more():
    found = faults(config("general: {model_type: yolo_mpe}\noperation_mode: deployment\n"))
    assert list(found) == ["operation_mode"]
    assert "stops at the benchmark" in found["operation_mode"].hint


def test_a_tuple_that_yaml_cut_is_told_once():
    found = faults(
        config("""
        operation_mode: training
        data_augmentation:
          random_rotation: {factor: (-0.1,0.1)}
        training:
          model: {alpha: 0.35, input_shape: (192, 192, 3)}
          batch_size: 8
          epochs: 2
          optimizer: {Adam: {learning_rate: 0.1}}
        """)
        + "\n"
    )
    cut = ["data_augmentation.random_rotation.factor", "training.model.input_shape"]
    assert [path for path in found if path != "dataset.training_path"] == cut
    assert all("quote it" in found[path].hint for path in cut)
    whole = """
        random_rotation: {factor: "(-0.1,0.1)"}
    """
    made = parse(
        config("general: {model_path: m.h5}\noperation_mode: evaluation\ndata_augmentation:")
        + textwrap.indent(whole, "  ")
    )
    assert made.data_augmentation[0].random_rotation.factor == (-0.1, 0.1)


@pytest.mark.parametrize(
    ("quantizer", "loads"), [("litert_quantizer", True), ("TFlite_converter", False)]
)
def test_a_float_tflite_is_for_litert_quantizer(quantizer, loads):
    text = config(f"""
        general: {{model_path: float.tflite}}
        operation_mode: chain_qb
        quantization: {{quantizer: {quantizer}}}
        """)
    if loads:
        parse(text)
    else:
        assert "litert_quantizer" in faults(text)["general.model_path"].accepted
