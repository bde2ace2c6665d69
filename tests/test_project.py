"""The files that the project's host and its contributors read."""

import re
import shutil
import subprocess
import sysconfig

import pytest
import yaml
from support.samples import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FILES = {
    "vendor.github-workflows": WORKFLOWS,
    "vendor.dependabot": [ROOT / ".github" / "dependabot.yml"],
}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def run(program, *arguments):
    path = shutil.which(program, path=sysconfig.get_path("scripts"))
    return subprocess.run(
        [path, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("schema", FILES)
def test_files_for_the_host_follow_its_schemas(schema):
    done = run("check-jsonschema", "--builtin-schema", schema, *FILES[schema])
    assert done.returncode == 0, done.stdout


def test_workflows_have_least_rights_and_pinned_actions():
    """zizmor refuses actions without a hash, rights for all jobs, and injected templates."""
    done = run("zizmor", "--offline", "--no-progress", "--quiet", ".github")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_call_targets_that_exist(path):
    jobs = yaml.safe_load(path.read_text())["jobs"]
    called = set()
    for job in jobs.values():
        assert job["timeout-minutes"]
        called |= set(job.get("strategy", {}).get("matrix", {}).get("target", []))
        for step in job["steps"]:
            called |= set(re.findall(r"\bmake ([a-z-]+)", step.get("run", "")))
    assert called
    assert called <= TARGETS


def test_the_tests_run_on_every_python_that_the_package_supports():
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    classified = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())
    assert jobs["test"]["strategy"]["matrix"]["python"] == classified


def test_hooks_before_a_commit_run_what_lint_runs():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    lint = subprocess.run(
        ["make", "--dry-run", "lint"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    for hook in hooks:
        program = hook["entry"].split()
        assert hook["language"] == "system"
        assert " ".join(program[:2]) in lint, hook["id"]


def test_contributing_names_targets_and_files_that_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= TARGETS
    for name in re.findall(r"`([\w./-]+/[\w./-]*)`", text):
        assert (ROOT / name).exists(), name
