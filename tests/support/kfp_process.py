"""The double of Kubeflow's API in a process of its own, for commands that need an address."""

import json
import subprocess
import sys

import pytest

from support.samples import ROOT


@pytest.fixture
def kubeflow_api():
    """URL of a server that speaks Kubeflow's API."""
    command = [sys.executable, "-m", "support.kfp_double.server", "--pace", "0.3"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT / "tests")
    yield json.loads(process.stdout.readline())["url"]
    process.kill()
    process.wait()
    process.stdout.close()
