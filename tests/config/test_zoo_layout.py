"""The layout of the zoo's version 4: the same config as in the March 2025 one, by other names."""

import textwrap

import pytest

from poseline.config.loading.load import normal_form, parse
from poseline.errors import ConfigError

COMMON = """
preprocessing:
  rescaling: {scale: 1/127.5, offset: -1}
  resizing: {aspect_ratio: fit, interpolation: nearest}
  color_mode: rgb
mlflow: {uri: ./tf/src/experiments_outputs/mlruns}
hydra: {run: {dir: "./tf/src/experiments_outputs/${now:%Y}"}}
"""
TRAINING = """
operation_mode: chain_tqe
dataset: {dataset_name: coco, class_names: [person], keypoints: 17, training_path: sets/train,
          prediction_path: pictures}
model:
  model_type: heatmaps_spe
  model_name: st_movenet_lightning_a100_heatmaps
  input_shape: (192, 192, 3)
  pretrained: True
  final_activation: softmax
data_augmentation:
  random_rotation: {factor: "(-0.2,0.2)"}
  random_periodic_resizing: {image_sizes: [[192, 192], [224, 224]], period: 10}
training:
  batch_size: 64
  epochs: 1000
  optimizer: {Adam: {learning_rate: 5.0e-4}}
  resume_training_from:
  dryrun: False
  trainer_name: pe_trainer
quantization: {quantizer: TFlite_converter, quantization_input_type: uint8,
               quantization_output_type: int8, target_opset: 17,
               onnx_extra_options: {CalibMovingAverage: True}}
"""


def current(text, *overrides, mode=None):
    return parse(COMMON + textwrap.dedent(text), overrides, mode=mode)


def faults(text, *overrides):
    with pytest.raises(ConfigError) as error:
        current(text, *overrides)
    return {problem.path: problem for problem in error.value.problems}


def test_a_training():
    config = current(TRAINING)
    model, rotation, resizing = (
        config.training.model,
        config.data_augmentation[0].random_rotation,
        config.data_augmentation[1].random_periodic_resizing,
    )
    assert (model.name, model.alpha) == ("st_movenet_lightning_heatmaps", 1.0)
    assert (model.pretrained_weights, model.final_activation) == ("imagenet", "softmax")
    assert config.training.model_format == "keras"
    assert config.training.dryrun is None
    assert (config.dataset.name, config.dataset.class_names) == ("coco", ("person",))
    assert config.prediction.test_files_path == "pictures"
    assert (rotation.fill_mode, rotation.fill_value) == ("constant", -1.0)
    assert (resizing.period, resizing.period_unit) == (10, "epochs")
    assert config.quantization.onnx_extra_options.CalibMovingAverage


def test_both_layouts_give_the_same_config():
    former = """
        general: {model_path: m.keras, model_type: spe, num_threads_tflite: 8}
        operation_mode: prediction
        dataset: {name: coco, keypoints: 17}
        prediction: {test_files_path: pictures}
        """
    now = """
        general: {num_threads_tflite: 8}
        model: {model_path: m.keras, model_type: spe}
        operation_mode: prediction
        dataset: {dataset_name: coco, keypoints: 17, prediction_path: pictures}
        """
    assert current(now) == current(former)


@pytest.mark.parametrize(
    ("written", "alpha"),
    [
        ("model_name: st_movenet_lightning_a050_heatmaps", 0.5),
        ("model_name: st_movenet_lightning_a035_heatmaps, alpha: 0.35", 0.35),
        ("model_name: st_movenet_lightning_heatmaps, alpha: 0.75", 0.75),
        ("model_name: st_movenet_lightning_a100_heatmaps, alpha: 1", 1.0),
    ],
)
def test_the_width_may_be_in_the_name(written, alpha):
    model = current(TRAINING, f"model={{{written}}}").training.model
    assert model.alpha == alpha
    assert model.pretrained_weights is None  # False is version 4's default
    assert model.final_activation == "sigmoid"


def test_two_widths_are_refused():
    problem = faults(TRAINING, "model.alpha=0.5")["model.alpha"]
    assert "st_movenet_lightning_a100_heatmaps says" in problem.accepted


@pytest.mark.parametrize(
    ("override", "path", "words"),
    [
        ("model.model_nam=x", "model.model_nam", "did you mean `model_name`?"),
        ("model.model_name=hrnet", "model.model_name", "st_movenet_lightning_heatmaps"),
        ("model.input_shape=[190,192,3]", "model.input_shape", "multiples of 32"),
        ("model.alpha=9", "model.alpha", "9"),
        ("model.final_activation=tanh", "model.final_activation", "softmax"),
        ("model.framework=torch", "model.framework", "tf"),
        ("model=x", "model", "a section: model_path"),
        ("model.model_type=head_spe", "model.model_type", "468 points"),
        ("model.model_path=m.keras", "model.model_name and model.model_path", "exactly one"),
        ("dataset.dataset_nam=x", "dataset.dataset_nam", "dataset_name, prediction_path, keyp"),
        ("dataset.class_names=[a,b]", "dataset.class_names", "at most 1"),
        ("dataset.keypoints=18", "dataset.keypoints", "13"),
        ("tools.stedgeai.version=10.0.0", "tools.stedgeai.version", "leave it out"),
        ("general.model_pat=x", "general.model_pat", "num_threads_tflite"),
        ("modl=x", "modl", "did you mean `model`?"),
        ("training.dryrun=-1", "training.dryrun", "greater"),
        ("quantization.quantization_split=0.1", "quantization.quantization_split", "dataset.quant"),
        ("evaluation.target=stedgeai_n6", "evaluation.target", "run on this machine"),
        ("quantization.onnx_extra_options.SmoothQuant=True", None, "Neural Compressor"),
    ],
)
def test_faults_have_the_names_of_the_file(override, path, words):
    found = faults(TRAINING, override)
    (problem,) = [p for p in found.values() if words in str(p)]
    if path and " and " not in path:
        assert problem.path == path
    text = "\n".join(map(str, found.values()))
    assert "training.model" not in text
    assert "general.model_path" not in text
    assert "test_files_path" not in text


def test_what_is_missing_has_the_names_of_the_file():
    found = faults("operation_mode: prediction\nmodel: {model_type: spe}")
    assert {"model.model_path", "dataset.prediction_path"} <= set(found)


def test_lines_are_those_of_the_file():
    text = "model:\n  model_type: spe\n  model_path: m.png\noperation_mode: prediction\n"
    with pytest.raises(ConfigError) as error:
        parse(text)
    lines = {problem.path: problem.line for problem in error.value.problems}
    assert lines["model.model_path"] == 3


@pytest.mark.parametrize(
    ("former", "now"),
    [
        ("general: {model_path: m.keras}", "model: {model_type: spe}"),
        ("training: {model: {alpha: 0.5}}", "dataset: {dataset_name: coco}"),
        ("dataset: {name: coco, dataset_name: coco}", ""),
        ("prediction: {test_files_path: there}", "dataset: {prediction_path: there}"),
    ],
)
def test_a_mixture_is_refused_with_both_places(former, now):
    with pytest.raises(ConfigError) as error:
        parse(f"operation_mode: prediction\n{former}\n{now}\n")
    texts = [str(p) for p in error.value.problems if "layout" in p.found]
    assert any("of the zoo's version 4, next to" in text and "(line" in text for text in texts)
    assert any("of the March 2025 layout, next to" in text and "(line" in text for text in texts)


def test_empty_keys_of_the_other_layout_mix_nothing():
    current(
        "general: {model_path: }\nmodel: {model_path: m.h5, model_type: spe}\n"
        "operation_mode: evaluation\ndataset: {keypoints: 17, test_path: there}"
    )


def test_overrides_may_have_the_names_of_either():
    config = current(
        TRAINING,
        "general.model_path=m.keras",
        "~model.model_name",
        "dataset.name=other",
        "prediction.test_files_path=there",
    )
    assert config.general.model_path == "m.keras"
    assert config.training.model is None
    assert config.dataset.name == "other"
    assert config.prediction.test_files_path == "there"


def test_what_a_section_refers_to_is_resolved_by_the_names_of_the_file():
    config = current(TRAINING, "training.trainer_name=${model.model_name}")
    assert config.training.trainer_name == "st_movenet_lightning_a100_heatmaps"


def test_a_model_that_is_given_is_described_and_not_made():
    text = TRAINING.replace("operation_mode: chain_tqe", "operation_mode: evaluation")
    config = current(text, "model.model_path=m.keras", "model.model_name=yolov8n")
    assert config.training.model is None
    resumed = current(TRAINING, "training.resume_training_from=logs")
    assert resumed.training.model is None


def test_an_onnx_file_keeps_its_float_ends():
    config = current("""
        model: {model_path: m.onnx, model_type: heatmaps_spe}
        operation_mode: quantization
        quantization: {quantizer: onnx_quantizer, quantization_input_type: int8,
                       quantization_output_type: int8}
        """)
    assert config.quantization.quantization_output_type == "float"


def test_what_is_trained_can_be_quantized_by_onnx_runtime():
    config = current(TRAINING, "quantization.quantizer=onnx_quantizer")
    assert config.quantization.quantization_input_type == "float"


@pytest.mark.parametrize("section", ["general", "dataset", "training", "prediction", "tools"])
def test_sections_that_are_none(section):
    assert section in faults(TRAINING, f"{section}=x")


def test_the_normal_form_is_ours():
    config = current(TRAINING)
    assert parse(str(normal_form(config))) == config
