"""The images, run as a cluster runs them: no root, no capability, a read-only root, no network."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from support.samples import ROOT, TINY

from poseline import __version__

pytestmark = pytest.mark.images

# Megabytes, unpacked, over the base; a dependency that is heavier than it seems is noticed here.
LIMITS = {"ml": 2400, "pipelines": 160, "operator": 130}
RESOLVED = [
    "convert",
    "train",
    "quantize",
    "evaluate",
    "predict",
    "benchmark",
    "export",
    "gate",
    "data",
    "run",
]
SETS = "/work/sets/single/17kpts"
CHANGES = [
    f"dataset.training_path={SETS}/train",
    f"dataset.validation_path={SETS}/val",
    f"dataset.quantization_path={SETS}/train",
    f"prediction.test_files_path={SETS}/val",
    "training.epochs=1",
    "mlflow.uri=/work/mlruns",
]


class Engine:
    """A Docker engine and our images on it."""

    def __init__(self, program, prefix, tag):
        self.program = program
        self.prefix = prefix
        self.tag = tag

    def name(self, world):
        return f"{self.prefix}poseline-{world}:{self.tag}"

    def inspect(self, world):
        return json.loads(self._docker("image", "inspect", self.name(world)).stdout)[0]

    def run(self, world, *arguments, entrypoint=None, work=None, user=None):
        """Run a command in a container that may do nothing but compute and write to /tmp."""
        # /s3 is where KFP's driver mounts a scratch volume for artifacts.
        flags = ["--read-only", "--tmpfs=/tmp:size=1g", "--tmpfs=/s3:size=1g"]
        flags += ["--cap-drop=ALL", "--network=none"]
        flags += ["--security-opt=no-new-privileges"]
        flags += [f"--entrypoint={entrypoint}"] * bool(entrypoint)
        flags += [f"--volume={work}:/work"] * bool(work)
        flags += [f"--user={user}"] * bool(user)
        return self._docker("run", "--rm", *flags, self.name(world), *arguments, check=False)

    def _docker(self, *arguments, check=True):
        command = [self.program, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=check, timeout=280)


@pytest.fixture(scope="module")
def engine():
    program = shutil.which(os.environ.get("DOCKER", "docker"))
    program = program or pytest.skip("no docker client is installed")
    if subprocess.run([program, "info"], capture_output=True).returncode:
        pytest.skip("no Docker engine answers")
    engine = Engine(
        program, os.environ.get("IMAGE_PREFIX", ""), os.environ.get("TAG") or __version__
    )
    for world in LIMITS:
        command = [program, "image", "inspect", engine.name(world)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip(f"{engine.name(world)} is not there; `make images` builds it")
    return engine


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder that the containers' user can write to, with a config."""
    folder = tmp_path_factory.mktemp("work")
    folder.chmod(0o777)
    (folder / "config.yaml").write_text(TINY)
    return folder


@pytest.mark.parametrize("world", LIMITS)
def test_an_image_is_labelled_and_has_a_numeric_user(engine, world):
    config = engine.inspect(world)["Config"]
    user, group = config["User"].split(":")
    assert int(user) > 0
    assert int(group) > 0
    labels = {
        key.removeprefix("org.opencontainers.image."): text
        for key, text in config["Labels"].items()
    }
    assert labels["title"] == f"poseline-{world}"
    assert labels["licenses"] == "Apache-2.0"
    assert len(labels["revision"]) == 40
    assert labels["version"] == engine.tag


@pytest.mark.parametrize("world", LIMITS)
def test_an_image_is_small(engine, world):
    code = (
        "import os, sys; print(sum(os.lstat(os.path.join(at, name)).st_size for at, _, names "
        "in os.walk('/opt/poseline') for name in names))"
    )
    done = engine.run(world, "-c", code, entrypoint="python3")
    assert int(done.stdout) / 1e6 < LIMITS[world], done.stderr


@pytest.mark.parametrize("world", LIMITS)
def test_no_secret_and_no_tool_of_the_build_is_left(engine, world):
    done = engine.run(
        world, "-c", "ls /build /opt /run /etc/pip.conf /opt/poseline/bin", entrypoint="sh"
    )
    assert not {"tools", "ca.crt", "/etc/pip.conf", "pip", "uv"} & set(done.stdout.split())
    assert engine.run(world, "-m", "pip", entrypoint="python3").returncode
    history = engine._docker("history", "--no-trunc", engine.name(world)).stdout
    assert "PIP_INDEX_URL" not in history


@pytest.mark.parametrize("world", LIMITS)
@pytest.mark.parametrize("user", [None, "12345:0"])
def test_the_command_runs_as_any_user(engine, world, user):
    done = engine.run(world, "--version", user=user)
    assert done.stdout.strip() == __version__, done.stderr


@pytest.mark.parametrize(
    ("world", "has", "lacks"),
    [
        ("ml", ["tensorflow", "mlflow", "boto3", "onnxruntime", "psycopg"], ["kopf"]),
        ("pipelines", ["kfp", "kfp.kubernetes", "httpx", "boto3"], ["tensorflow", "kopf"]),
        ("operator", ["kopf", "kubernetes", "httpx"], ["tensorflow", "kfp", "mlflow", "boto3"]),
    ],
)
def test_an_image_has_its_world_and_no_other(engine, world, has, lacks):
    code = (
        f"import importlib, importlib.util as u; [importlib.import_module(m) for m in {has}];"
        f"print([m for m in {lacks} if u.find_spec(m)])"
    )
    done = engine.run(world, "-c", code, entrypoint="python3")
    assert done.stdout.strip().splitlines()[-1:] == ["[]"], done.stderr


def told(out, parameters, made=(), artifacts=()):
    """What KFP's launcher tells a component: its parameters, and where its outputs go."""
    return {
        "inputs": {"parameterValues": parameters},
        "outputs": {
            "parameters": {name: {"outputFile": f"{out}/{name}"} for name in made},
            "artifacts": {
                name: {
                    "artifacts": [
                        {
                            "name": name,
                            "type": {"schemaTitle": "system.Model"},
                            "metadata": {},
                            "uri": f"s3://bucket/{out.strip('/')}/{name}",
                        }
                    ]
                }
                for name in artifacts
            },
            "outputFile": f"{out}/outputs.json",
        },
    }


def launched(engine, world, work, component, given):
    """Run a component by the command and the arguments that are compiled for its tasks."""
    spec, _ = yaml.safe_load_all((ROOT / "pipelines/compiled/chain_qb.yaml").read_text())
    executor = spec["deploymentSpec"]["executors"][f"exec-{component}"]["container"]
    command = [each.replace("{{$}}", json.dumps(given)) for each in executor["args"]]
    program, *rest = executor["command"]
    return engine.run(world, *rest, *command, entrypoint=program, work=work)


def test_a_task_starts_its_component_by_name(engine, work):
    """The first tasks of chain_qb: one in each image that tasks run in."""
    (work / "model.h5").write_bytes(b"a model")
    config = (ROOT / "pipelines/default.yaml").read_text()
    parameters = {"chain": "chain_qb", "config": config, "model": "/work/model.h5"}
    given = told("/work/resolve", parameters, made=RESOLVED)
    done = launched(engine, "pipelines", work, "resolve", given)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr
    resolved = json.loads((work / "resolve/outputs.json").read_text())["parameterValues"]
    assert "quantizer: TFlite_converter" in resolved["quantize"]

    given = told("/work/import", {"data": resolved["data"]}, artifacts=["model"])
    done = launched(engine, "ml", work, "import-model", given)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr
    assert "model" in json.loads((work / "import/outputs.json").read_text())["artifacts"]


def test_a_task_that_fails_says_why_in_words(engine, work):
    parameters = {"chain": "chain_qb", "config": "general: {project_name: x}", "model": "x"}
    done = launched(
        engine, "pipelines", work, "resolve", told("/work/wrong", parameters, made=RESOLVED)
    )
    assert done.returncode
    assert "benchmarking.board: found nothing" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.timeout(900)
def test_every_stage_runs_in_its_container(engine, work):
    def poseline(*arguments):
        done = engine.run("ml", *arguments, work=work)
        assert done.returncode == 0, done.stdout + done.stderr

    def stage(name, *changes):
        run = Path("runs") / name
        poseline(name, "/work/config.yaml", f"hydra.run.dir=/work/{run}", *CHANGES, *changes)
        return work / run

    def inside(path):
        return f"general.model_path=/work/{path.relative_to(work)}"

    poseline("dataset", "synthesize", "/work/coco", "--train=16", "--val=8", "--size", "96", "96")
    poseline("dataset", "convert", "--path=/work/coco", "--outputdir=/work/sets")
    trained = next(stage("train").rglob("best_model.h5"))
    quantized = next(stage("quantize", inside(trained)).rglob("quantized_model.tflite"))
    for model in (trained, quantized):
        stage("evaluate", inside(model))
    assert list(stage("predict", inside(quantized)).rglob("*.jpg"))
    assert list(stage("benchmark", inside(quantized)).rglob("manifest.json"))


def test_the_operator_starts(engine):
    done = engine.run("operator", "operator", "--help")
    assert done.returncode == 0, done.stderr
    assert "operator" in done.stdout
