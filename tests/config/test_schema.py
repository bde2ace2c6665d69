import json
import random

import jsonschema
import pytest
import yaml
from support.samples import ROOT, TINY

from poseline.config.loading import load
from poseline.config.models.config import CHAINS, Config
from poseline.config.requirements.checks import REQUIREMENTS
from poseline.config.schema import generate
from poseline.config.schema.json_schema import strict_schema, transform

EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
EDITOR = jsonschema.Draft7Validator(generate.editor_schema())
VALUES = jsonschema.Draft7Validator(transform(strict_schema(Config), generate.draft_07))
"""A config in a chart's values, as far as a PoseSchedule has one."""


def _draft_4(node):
    """OpenAPI 3.0 has draft-04's exclusive bounds, and `nullable` of its own."""
    return node | {"type": [node["type"], "null"]} if node.get("nullable") else node


CRD = jsonschema.Draft4Validator(transform(generate.crd_schema(), _draft_4))


def test_nothing_generated_is_stale():
    assert generate.generate(ROOT, check=True) == []


def test_what_is_stale_is_listed_and_written(tmp_path):
    outputs = {"a/b.txt": lambda: "new"}
    assert generate.generate(tmp_path, check=True, outputs=outputs) == [tmp_path / "a/b.txt"]
    assert not (tmp_path / "a").exists()
    assert generate.generate(tmp_path, outputs=outputs) == [tmp_path / "a/b.txt"]
    assert generate.generate(tmp_path, check=True, outputs=outputs) == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_pass_every_schema(path):
    config = load.load(path)
    EDITOR.validate(yaml.safe_load(path.read_text()))
    normal = json.loads(json.dumps(load.normal_form(config)))
    VALUES.validate(normal)
    CRD.validate(normal)
    assert load.check(normal) == config


TRAINING = f"{TINY}\nhydra: {{run: {{dir: x}}}}"


@pytest.mark.parametrize(
    "override",
    [
        "preprocessing.rescaling.scale=1./255",
        "training.model.input_shape=(192, 192, 3)",
        "training.model.pretrained_weights=None",
        "training.frozen_layers=(8, 110:121, -1)",
        "training.frozen_layers=[1, 2]",
        "training.optimizer=Adam",
        "dataset.quantization_split=null",
        "dataset.name=${general.project_name}",
        "general.num_threads_tflite=${env:THREADS,4}",
        "general.deterministic_ops='True'",
        "data_augmentation=[{random_flip: {}}, {random_flip: {mode: vertical}}]",
        "data_augmentation={random_rotation: {factor: (-0.1,0.1)}}",
        "data_augmentation={random_rotation: {factor: 0.1}, random_flip: }",
        "quantization=null",
        "+deployment={c_project_path: x}",
        "+tools={stm32ai: {version: 9}}",
    ],
)
def test_the_editors_schema_takes_what_the_loader_takes(override):
    load.parse(TRAINING, ["dataset.training_path=x", "operation_mode=training", override])
    EDITOR.validate(_overridden(override))


@pytest.mark.parametrize(
    "override",
    [
        "training.bach_size=1",
        "training.epochs=0",
        "training.epochs=many",
        "general.model_type=spe2",
        "operation_mode=flash",
        "dataset.keypoints=14",
        "training.model.input_shape=[192, 192]",
        "data_augmentation={random_mosaic: {}}",
        "data_augmentation=[{random_flip: {}, random_rotation: {}}]",
        "benchmarking.board=NUCLEO",
    ],
)
def test_every_schema_refuses_what_the_loader_refuses(override):
    data = _overridden(override)
    with pytest.raises(load.ConfigError):
        load.parse(TRAINING, ["dataset.training_path=x", override])
    assert not EDITOR.is_valid(data)
    assert not VALUES.is_valid(data)
    # Kubernetes refuses unknown keys itself; the operator refuses what is of neither of two kinds.
    if "bach_size" not in override and "keypoints" not in override:
        assert not CRD.is_valid(data)


def _overridden(override):
    from omegaconf import OmegaConf

    from poseline.config.loading.overrides import apply

    data = OmegaConf.create(TRAINING)
    data.preprocessing.rescaling.scale = 0.01
    data.data_augmentation = [{"random_flip": {}}]
    data.training.model.pretrained_weights = None
    assert apply(data, override) is None
    return OmegaConf.to_container(data)


def parts(node, path="config"):
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from parts(child, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            yield from parts(node[key], f"{path}.{key}")


IN_CEL = [requirement for requirement in REQUIREMENTS if requirement.cel]
ALLOWED = {
    "type",
    "description",
    "enum",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "maxLength",
    "pattern",
    "nullable",
    "properties",
    "required",
    "items",
    "additionalProperties",
    "x-kubernetes-validations",
    "x-kubernetes-preserve-unknown-fields",
}


@pytest.mark.parametrize(
    ("path", "node"), [*parts(generate.crd_schema())], ids=lambda value: str(value)[:60]
)
def test_the_crd_schema_is_structural(path, node):
    """The rules of apiextensions.k8s.io/v1, and bounds by which CEL's cost can be estimated."""
    assert set(node) <= ALLOWED
    assert "type" in node or node.get("x-kubernetes-preserve-unknown-fields") is True
    assert not ("properties" in node and "additionalProperties" in node)
    for bound in ("exclusiveMinimum", "exclusiveMaximum"):
        assert isinstance(node.get(bound, True), bool)
    match node.get("type"):
        case "array":
            assert isinstance(node["items"], dict)
            assert node["maxItems"] <= 32
        case "string":
            assert "enum" in node or node["maxLength"] <= 4096
        case "object":
            assert set(node.get("required", [])) <= set(node.get("properties", {}))
    assert node.get("description") or path.endswith(("items", "additionalProperties", "config"))


def test_rules_between_sections_name_a_place_that_exists():
    known = generate.crd_schema()["properties"]
    rules = generate.cel_rules("self.config", "self.mode")
    assert len(rules) == len(IN_CEL) > 0.9 * len(REQUIREMENTS)
    for rule in rules:
        config, section = rule["fieldPath"].strip(".").split(".")
        assert config == "config"
        assert section in known
        assert "$" not in rule["rule"].replace("$')", "")
        assert len(rule["message"]) <= 2048


def test_the_command_line_and_kubernetes_say_the_same():
    celpy = pytest.importorskip("celpy", reason="needs cel-python")
    from celpy.adapter import json_to_cel

    environment = celpy.Environment()
    rules = generate.cel_rules()
    programs = [environment.program(environment.compile(rule["rule"])) for rule in rules]
    generator, broken = random.Random(0), set()
    for _ in range(220):
        data = _some_config(generator)
        config = Config.model_validate(data)
        for requirement, program in zip(IN_CEL, programs, strict=True):
            holds = requirement.found(config) is None
            assert bool(program.evaluate({"self": json_to_cel(data)})) == holds, requirement.path
            if not holds:
                broken.add(requirement)
    assert len(broken) > 0.8 * len(REQUIREMENTS)


def _some_config(generator):
    def some(**choices):
        picked = {key: generator.choice(values) for key, values in choices.items()}
        return {key: value for key, value in picked.items() if generator.random() < 0.7}

    model = some(alpha=[1.0], input_shape=[[64, 64, channels] for channels in (1, 3, 4)])
    return some(
        operation_mode=list(CHAINS),
        general=[
            some(
                model_path=["a.h5", "a.H5", "b.tflite", "c.onnx?raw=1", "C.ONNX", "d.txt", "e/f"],
                model_type=["heatmaps_spe", "spe", "hand_spe"],
            )
        ],
        dataset=[some(keypoints=[13, 17, 21], training_path=["t"], test_path=["t"])],
        conversion=[{"path": "x"}],
        preprocessing=[some(color_mode=["grayscale", "rgb", "rgba"])],
        training=[
            some(batch_size=[1], epochs=[1], optimizer=[{"Adam": {}}], model=[model]),
            {"resume_training_from": "x"},
        ],
        quantization=[
            some(quantizer=["TFlite_converter"]),
            {"quantizer": "onnx_quantizer", "quantization_input_type": "float"},
            {"granularity": "per_tensor", "optimize": True},
        ],
        prediction=[{"test_files_path": "x"}],
        benchmarking=[
            {"board": "NUCLEO-F401RE"},
            {"board": "NUCLEO-F401RE", "backends": ["host"]},
            {"board": "NUCLEO-F401RE", "backends": ["estimate", "cloud"]},
        ],
        gate=[some(min_oks=[0.5], max_oks_drop=[0], board_fit=[True, False], max_latency_ms=[9])],
    )
