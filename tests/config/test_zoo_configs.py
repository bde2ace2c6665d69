"""The layouts and habits of the public zoo's configs, in files of our own."""

import textwrap

import pytest
import yaml

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
    found = faults(config("general: {model_type: yolo_mpe}\noperation_mode: flash\n"))
    assert list(found) == ["operation_mode"]


@pytest.mark.parametrize(
    ("mode", "model"), [("chain_qd", "heatmaps.h5"), ("deployment", "heatmaps_int8.tflite")]
)
def test_what_the_zoo_deploys_is_exported(mode, model):
    found = parse(
        config(f"""
        general: {{model_path: ../zoo/{model}, model_type: heatmaps_spe}}
        operation_mode: {mode}
        quantization: {{quantizer: TFlite_converter, quantization_input_type: uint8,
                       quantization_output_type: int8}}
        deployment:
          c_project_path: ../application_code/pose_estimation/STM32N6/
          IDE: GCC
          verbosity: 1
          hardware_setup: {{serie: STM32N6, board: STM32N6570-DK}}
        """)
    )
    assert found.exported
    assert found.stages[-1] == "export"


TO_ONNX = """
quantization:
  quantizer: onnx_quantizer
  quantization_input_type: float
  quantization_output_type: float
"""


@pytest.mark.parametrize(
    ("text", "path", "said"),
    [
        (
            "export: {}\npreprocessing: {resizing: {interpolation: bicubic}}",
            "preprocessing.resizing.interpolation",
            "resizes by no other",
        ),
        ("export: {}\n" + TO_ONNX, "export", "TFlite_converter"),
        (
            "evaluation: {target: tflm}\n" + TO_ONNX,
            "evaluation.target",
            "TFLM runs .tflite",
        ),
    ],
)
def test_what_the_code_on_a_chip_cannot_do_is_refused_before_anything_runs(text, path, said):
    base = {
        "general": {"model_path": "m.onnx"},
        "operation_mode": "chain_eqe",
        "dataset": {"keypoints": 17, "test_path": "x"},
    }
    found = faults(yaml.safe_dump(base | yaml.safe_load(text)))
    assert said in found[path].accepted
    if "quantizer" not in text:
        assert "export" not in faults(yaml.safe_dump(base | {"operation_mode": "flash"}))


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
