"""Configs that are wrong, each with what is said of it; and odd ones that are right."""

import pytest
from support.samples import TINY

from poseline.config.loading import load
from poseline.config.loading.slices import from_slice
from poseline.errors import ConfigError

EVALUATION = """
general: {model_path: m.tflite}
operation_mode: evaluation
dataset: {keypoints: 17, test_path: there}
"""


def problems(text, *overrides):
    with pytest.raises(ConfigError) as caught:
        load.parse(text, overrides)
    return {problem.path: str(problem) for problem in caught.value.problems}


FAULTS = {
    # what the vendor's zoo has and poseline does not
    "flashing": ("operation_mode=flash", "operation_mode", "deployment"),
    "on the board": ("evaluation.target=stedgeai_n6", "evaluation.target", "on this machine"),
    "dumped tensors": ("evaluation.gen_npy_output=True", "evaluation.gen_npy_output", "not dumped"),
    "crop": (
        "preprocessing.resizing.aspect_ratio=crop",
        "preprocessing.resizing.aspect_ratio",
        "fit or padding",
    ),
    "own functions": (
        "custom_data_augmentation.function_name=f",
        "custom_data_augmentation",
        "data_augmentation",
    ),
    "unknown augmentation": (
        "data_augmentation.random_mosaic.size=1",
        "data_augmentation.random_mosaic",
        "random_contrast, random_bright",
    ),
    "QAT and equalization": (
        "quantization={quantization_type:QAT,granularity:per_tensor,optimize:true}",
        "quantization",
        "optimize: False",
    ),
    # in the words of a user
    "text and no list": ("dataset.class_names=person", "dataset.class_names", "accepted: a list"),
    "too many names": (
        "dataset.class_names=[a,b]",
        "dataset.class_names",
        "accepted: at most 1 of them",
    ),
    "neither true nor false": (
        "quantization.onnx_extra_options={QuantizeBias:maybe}",
        "quantization.onnx_extra_options.QuantizeBias",
        "accepted: a valid boolean",
    ),
    # placeholders of the document
    "left placeholder": (
        "dataset.test_path=<test-set-root-directory>",
        "dataset.test_path",
        "placeholder",
    ),
    "left question": ("dataset.name=???", "dataset.name", "placeholder"),
    # numbers
    "nan": ("preprocessing.rescaling.offset=.nan", "preprocessing.rescaling.offset", "finite"),
    "inf in arguments": (
        "training.optimizer={SGD:{learning_rate:.inf}}",
        "training.optimizer.SGD.learning_rate",
        "finite",
    ),
    "overflow": ("preprocessing.rescaling.scale=1e999", "preprocessing.rescaling.scale", "finite"),
    "no denominator": (
        "preprocessing.rescaling.scale=1/0",
        "preprocessing.rescaling.scale",
        "zero denominator",
    ),
    "no denominator in arguments": (
        "training.optimizer={SGD:{learning_rate:1/0}}",
        "training.optimizer",
        "zero denominator",
    ),
    "truth as number": ("general.num_threads_tflite=True", "general.num_threads_tflite", "number"),
    "part of a whole": ("general.num_threads_tflite=1.5", "general.num_threads_tflite", "integer"),
    "too many": ("general.num_threads_tflite=1000", "general.num_threads_tflite", "256"),
    "text as number": ("general.global_seed=abc", "general.global_seed", "integer"),
    "code as number": ("general.global_seed=__import__('os')", "general.global_seed", "integer"),
    "split of all": ("dataset.validation_split=1.0", "dataset.validation_split", "less than 1"),
    "14 keypoints": ("dataset.keypoints=14", "dataset.keypoints", "13, 17, 21"),
    # shapes, ranges and pairs
    "two sides": ("training.model.input_shape=(192, 192)", "training.model.input_shape", "more"),
    "not a multiple": (
        "training.model.input_shape=(100,100,3)",
        "training.model.input_shape",
        "multiples of 32",
    ),
    "two channels": (
        "training.model.input_shape=(64,64,2)",
        "training.model.input_shape",
        "1, 3 or 4",
    ),
    "layers": ("training.frozen_layers=all", "training.frozen_layers", "(0:154)"),
    "odd sizes": (
        "data_augmentation.random_periodic_resizing.image_sizes=[[192,100]]",
        "data_augmentation.random_periodic_resizing.image_sizes",
        "multiple of 32",
    ),
    "wrong order": (
        "data_augmentation.random_rotation.factor=(0.2,0.1)",
        "data_augmentation.random_rotation.factor",
        "above the second",
    ),
    # sections
    "a value for a section": ("quantization=int8", "quantization", "a section"),
    "two optimizers": ("training.optimizer={Adam:{},SGD:{}}", "training.optimizer", "at most 1"),
    "tensorboard": ("+training.callbacks.TensorBoard={}", "training", "built in"),
    "checkpoint": ("+training.callbacks.ModelCheckpoint={filepath:x}", "training", "built in"),
    "optimize": ("quantization.optimize=True", "quantization", "per_tensor"),
    # between sections
    "channels": ("preprocessing.color_mode=grayscale", "training.model.input_shape", "1 channel"),
    "hand": ("general.model_type=hand_spe", "general.model_type", "heatmaps_spe in a training"),
    # overrides
    "no value": ("training.epochs", "training.epochs", "key=value"),
    "delete what is not there": ("~training.nothing", "~training.nothing", "no such key"),
    "below a value": ("operation_mode.x=1", "operation_mode.x=1", "not a section"),
    "unfinished": ("training.optimizer={Adam:", "training.optimizer={Adam:", "YAML"),
    "unknown key": ("training.epoch=3", "training.epoch", "did you mean `epochs`"),
    # interpolation
    "cycle": ("dataset.name=${dataset.name}", "dataset.name", "recursive"),
    "no variable": ("dataset.name=${env:POSELINE_NO_SUCH}", "dataset.name", "not set"),
    "no resolver": ("dataset.name=${hydra:runtime.cwd}", "dataset.name", "${now:"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_where_it_is_and_how_to_mend_it(name):
    override, path, said = FAULTS[name]
    found = problems(TINY, "dataset.training_path=pictures", override)
    assert path in found, found
    assert said.lower() in found[path].lower()


TEXTS = {
    "a key twice": ("general: {global_seed: 1}\ngeneral: {}", "general", "first in line 1"),
    "no mapping": ("- a\n- b", "<top>", "a list"),
    "a word": ("training", "<top>", "a single value"),
    "nothing": ("", "training", "a section"),
    "python": ("general: !!python/object/apply:os.getcwd []", "line 1, column 10", "could not det"),
    "half a reference": ("dataset: {name: '${general.'}", "dataset.name", "${…}"),
    "recursion": ("general: &a {project_name: *a}", "<top>", "without end"),
    "a bomb": (
        "\n".join(
            ["a0: &a0 [x]"]
            + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
        ),
        "<top>",
        "without end",
    ),
    "too deep": ("a: " + "[" * 200 + "]" * 200, "<top>", "without end"),
    "far too deep": ("a: " + "[" * 5000 + "]" * 5000, "<top>", "depth"),
    "too long": ("#" * 1_000_001, "<top>", "1 MB"),
    "number keys": ("1: x", "1", "unknown key"),
    "tab": ("general:\n\tglobal_seed: 1", "line 2, column 1", "YAML"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_that_is_no_config(name):
    text, path, said = TEXTS[name]
    found = problems(text)
    assert path in found, found
    assert said in found[path]


ODD = {
    "the vendor's deployment section": (
        "+deployment={c_project_path:x}",
        "deployment",
        {"c_project_path": "x"},
    ),
    "a batch size alone": ("+training={batch_size:8}", "training.batch_size", 8),
    "a name that is a number": ("+dataset.name=2024", "dataset.name", "2024"),
    "text booleans": ("+general.deterministic_ops='True'", "general.deterministic_ops", True),
    "keypoints as text": ("dataset.keypoints='17'", "dataset.keypoints", 17),
    "keypoints as a float": ("dataset.keypoints=17.0", "dataset.keypoints", 17),
    "an exponent without a point": (
        "preprocessing.rescaling.scale=1e-3",
        "preprocessing.rescaling.scale",
        1e-3,
    ),
    "a fraction": (
        "preprocessing.rescaling.scale=1./255",
        "preprocessing.rescaling.scale",
        1 / 255,
    ),
    "no seed": ("+general.global_seed=None", "general.global_seed", None),
    "an unused placeholder in a tool's path": (
        "tools.stedgeai.path_to_stedgeai=C:/Users/<X>/stedgeai.exe",
        "tools.stedgeai.path_to_stedgeai",
        "C:/Users/<X>/stedgeai.exe",
    ),
    "the tool's former name": (
        "tools={stm32ai: {path_to_stm32ai: x}}",
        "tools.stedgeai.path_to_stedgeai",
        "x",
    ),
    "a model on the web": (
        "general.model_path=https://x/m.tflite?raw=1",
        "general.model_path",
        "https://x/m.tflite?raw=1",
    ),
    "tensors that are not to be dumped": (
        "+evaluation={gen_npy_input: False, npy_in_name: in}",
        "evaluation.gen_npy_input",
        False,
    ),
    "hydra's own keys": ("+hydra.job_logging.level=ERROR", "hydra.run.dir", None),
    "quotes": ("+dataset.name='a=b, c'", "dataset.name", "a=b, c"),
    "two pluses": ("++dataset.name=x", "dataset.name", "x"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_and_right(name):
    override, path, value = ODD[name]
    found = load.parse(EVALUATION, [override])
    assert load.parse(load.dump(found)) == found
    for key in path.split("."):
        found = getattr(found, key)
    assert value is None or found == value


def test_a_fine_tuning_for_int8_needs_a_keras_model_and_pictures():
    text = "operation_mode: quantization\nquantization: {quantization_type: QAT}\n"
    keras, pictures = "general.model_path=m.h5", "dataset.training_path=pictures"
    for given in ([keras], ["general.model_path=m.tflite", pictures]):
        found = problems(text, *given, "dataset.keypoints=17")
        assert ".h5 or .keras" in found["quantization.quantization_type"], found
    load.parse(text, [keras, pictures, "dataset.keypoints=17"])


def test_frozen_layers_as_the_document_has_them():
    for text in ("(0:154)", "(0:-1)", "(0:-7, -5)"):
        config = load.parse(TINY, ["dataset.training_path=x", f"training.frozen_layers={text}"])
        assert str(config.training.frozen_layers) == text
        assert from_slice(config.slice("train")).training == config.training


def test_lists_and_mappings_in_overrides():
    config = load.parse(
        TINY,
        [
            "dataset.training_path=x",
            "training.optimizer={SGD:{learning_rate:0.1,momentum:1e-1}}",
            "training.callbacks={EarlyStopping:{monitor:val_oks,mode:max,patience:3}}",
            "+data_augmentation.random_periodic_resizing.image_sizes=[[64,64],[96,96]]",
        ],
    )
    assert config.training.optimizer == {"SGD": {"learning_rate": 0.1, "momentum": 0.1}}
    assert config.training.callbacks["EarlyStopping"]["patience"] == 3
    steps = [next(iter(step.named.values())) for step in config.data_augmentation]
    assert steps[-1].image_sizes == ((64, 64), (96, 96))


def test_a_tuple_that_yaml_cut_is_told():
    text = TINY.replace(
        "{mode: horizontal}", "{mode: horizontal}\n  random_zoom: {width_factor: (0,0.1)}"
    )
    found = problems(text, "dataset.training_path=x")
    assert "quote it" in found["data_augmentation.random_zoom.width_factor"]


def test_a_line_is_not_given_for_what_an_override_set():
    found = problems(EVALUATION, "dataset.keypoints=3")
    assert "line" not in found["dataset.keypoints"]
    found = problems(EVALUATION.replace("17", "3"))
    assert "(line 4)" in found["dataset.keypoints"]


def test_every_now_of_a_config_is_the_same_moment():
    config = load.parse(EVALUATION, ["dataset.name=${now:%f}", "hydra.run.dir=${now:%f}"])
    assert config.dataset.name == config.hydra.run.dir


def test_a_missing_file_is_told_with_the_one_that_is_meant(tmp_path):
    (tmp_path / "training.yaml").write_text(EVALUATION)
    with pytest.raises(ConfigError, match=r"did you mean .*training\.yaml"):
        load.load(tmp_path / "trainin.yaml")


def test_files_that_are_no_text(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        load.load(path)
    path.write_bytes(b"\xef\xbb\xbf" + EVALUATION.encode())
    assert load.load(path).dataset.keypoints == 17


@pytest.mark.parametrize(
    ("override", "meant"),
    [
        ("epochs=3", "`training.epochs`"),
        ("epoch=3", "`training.epochs`"),
        ("alpha=0.5", "`training.model.alpha`"),
        ("board=x", "`benchmarking.board`"),
        ("general.test_path=x", "`dataset.test_path`"),
    ],
)
def test_a_key_of_another_section_is_named(override, meant):
    with pytest.raises(ConfigError) as caught:
        load.parse("operation_mode: training\n", [override])
    (problem,) = [p for p in caught.value.problems if p.path == override.partition("=")[0]]
    assert meant in problem.hint
