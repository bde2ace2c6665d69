"""Every block of the guides: commands parse, what they name is there, settings are settings."""

import contextlib
import itertools
import re

import helm_python as helm
import pytest
import yaml
from cyclopts.exceptions import MissingArgumentError
from support.api_server import checker
from support.doc_blocks import GUIDES, blocks
from support.samples import ROOT, TINY

from poseline.chart import generate
from poseline.chart.values import Values
from poseline.cli.app import app
from poseline.config.loading import load
from poseline.errors import EXIT_CODES
from poseline.kubeflow.platform import Platform

PAGES = [pytest.param(page, id=page.stem) for page in GUIDES]
BLOCKS = [block for page in GUIDES for block in blocks(page)]
BASH = [block for block in BLOCKS if block.language == "bash"]
YAML = [block for block in BLOCKS if block.language == "yaml"]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
SHELL = {"cd", "export", "git", "key()", "sleep", "source", "tensorboard", "base64"}
WRITTEN = {block.name for block in YAML}
"""Files that a page has its reader write."""


def named(words, *flags):
    """Return what follows any of some flags."""
    return [after for flag, after in itertools.pairwise(words) if flag in flags]


def check_poseline(words):
    app.parse_args(words[1:], exit_on_error=False, print_error=False)


def check_make(words):
    assert words[1] in TARGETS


def check_python(words):
    assert (ROOT / words[1]).is_file()


def check_kubectl(words):
    for name in named(words, "-f", "--filename"):
        assert (ROOT / name).is_file() or name in WRITTEN, name


def check_helm(words):
    values = {}
    for name in named(words, "--values", "-f"):
        text = (ROOT / name).read_text() if (ROOT / name).is_file() else written(name)
        values = merged(values, yaml.safe_load(text) or {})
    if words[1] in ("install", "upgrade"):
        render(ROOT / words[3], values)


CHECKS = {
    "poseline": check_poseline,
    "make": check_make,
    "python": check_python,
    "kubectl": check_kubectl,
    "helm": check_helm,
}


def written(name):
    return next(block.text for block in YAML if block.name == name)


def merged(base, more):
    both = {
        key: merged(base[key], more[key])
        for key in base.keys() & more.keys()
        if isinstance(base[key], dict) and isinstance(more[key], dict)
    }
    return base | more | both


def render(folder, values):
    """Render the chart; values that it does not know, or that do not fit, are refused."""
    with helm.Chart.load(str(folder)) as loaded:
        loaded.validate_schema(values)
        return loaded.render(values, name="poseline", namespace="kubeflow")


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_block_says_what_it_is(block):
    assert block.language in ("bash", "yaml", "python", "text")


@pytest.mark.parametrize("block", BASH, ids=str)
def test_commands_can_be_run(block):
    for words in block.commands:
        if words[-1] == "&":
            words.pop()
        if check := CHECKS.get(words[0]):
            check(words)
        else:
            assert words[0] in SHELL, words


@pytest.mark.parametrize("page", PAGES)
def test_commands_within_the_text_can_be_run(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    for command in re.findall(r"`((?:poseline|make|helm|kubectl) [^`|]+)`", text):
        words = command.replace("\n", " ").split()
        with contextlib.suppress(MissingArgumentError):  # `poseline validate` names the command
            CHECKS[words[0]](words)


@pytest.mark.parametrize("block", YAML, ids=str)
def test_settings_are_settings(block):
    found = yaml.safe_load(block.text)
    if "apiVersion" in found:
        check_resource(found)
    elif block.name.endswith("-values.yaml"):
        setup = yaml.safe_load((ROOT / "charts/poseline/ci/kind-values.yaml").read_text())
        bare = block.name.startswith("external")
        render(ROOT / "charts/poseline", found if bare else merged(setup, found))
        Values.model_validate(merged(generate.defaults(), found))
    elif block.name == "platform.yaml":
        Platform.model_validate(found)
    elif "operation_mode" in found:
        load.parse(block.text)
    else:
        both = yaml.safe_dump(yaml.safe_load(TINY) | found, sort_keys=False)
        config = load.parse(both, ["dataset.training_path=set"])
        for section, keys in found.items():
            assert getattr(config, section).model_dump(include=set(keys)).keys() == keys.keys()


def check_resource(body):
    checker(f"{body['kind'].lower()}s").validate(body)
    spec = body["spec"].get("experimentTemplate", body)["spec"]
    load.check({**spec["config"], "operation_mode": f"chain_{spec['chain']}"})


def test_a_wrong_block_is_found():
    """The checks above do check."""
    with pytest.raises(Exception, match="no-such"):
        check_poseline(["poseline", "validate", "config.yaml", "--no-such-flag"])
    with pytest.raises(AssertionError):
        check_make(["make", "nothing"])
    with pytest.raises(helm.HelmError):
        render(ROOT / "charts/poseline", {"operator": {"replica": 2}})


def test_every_exit_code_has_its_section():
    text = (ROOT / "docs" / "troubleshooting.md").read_text()
    sections = re.findall(r"^## (\d+): (.+)$", text, re.MULTILINE)
    assert {int(code): title for code, title in sections} == dict(EXIT_CODES)
