"""What a release consists of: one version everywhere, and a wheel with its license and types."""

import re
import subprocess
import sys
import zipfile
from email.parser import HeaderParser

import pytest
import yaml
from support.samples import ROOT

import poseline

CHART = ROOT / "charts" / "poseline"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", out]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(out.glob("*.whl"))) as archive:
        yield archive


@pytest.fixture(scope="module")
def metadata(wheel):
    name = next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    return HeaderParser().parsestr(wheel.read(name).decode())


def test_the_wheel_has_the_version_of_the_package(metadata):
    assert metadata["Version"] == poseline.__version__


def test_the_chart_installs_the_images_of_its_version():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (poseline.__version__,) * 2
    tags = re.findall(r"poseline-\w+:([\w.]+)", (CHART / "values.yaml").read_text())
    assert set(tags) == {poseline.__version__}


def test_make_tags_the_images_with_the_version():
    done = subprocess.run(
        ["make", "--dry-run", "images"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert f"VERSION={poseline.__version__} " in done.stdout


def test_the_changelog_begins_with_what_is_unreleased_and_has_this_version():
    titles = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert titles[0] == "Unreleased"
    assert poseline.__version__ in titles


def test_the_wheel_has_its_license_and_is_typed(wheel, metadata):
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_all("License-File") == ["LICENSE"]
    name = next(n for n in wheel.namelist() if n.endswith(".dist-info/licenses/LICENSE"))
    assert wheel.read(name).decode().lstrip().startswith("Apache License\n")
    assert "poseline/py.typed" in wheel.namelist()


def test_the_wheel_says_who_made_it_and_where_it_lives(metadata):
    assert metadata["Author"] == "The poseline developers"
    assert "Typing :: Typed" in metadata.get_all("Classifier")
    assert "pose-estimation" in metadata["Keywords"].split(",")
    links = dict(each.split(", ") for each in metadata.get_all("Project-URL"))
    assert set(links) == {"Homepage", "Documentation", "Source", "Issues", "Changelog"}
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["home"] == links["Homepage"]
    assert chart["sources"] == [links["Source"]]
