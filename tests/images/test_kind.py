"""What can be said about `make kind-up` without kind."""

import re
from pathlib import Path

import helm_python as helm
import yaml

from poseline import __version__

ROOT = Path(__file__).parents[2]
SCRIPT = (ROOT / "tests" / "cluster" / "kind.sh").read_text()


def test_the_chart_takes_its_values_and_uses_the_images_that_are_loaded():
    (file,) = re.findall(r"--values (\S+)", SCRIPT)
    values = yaml.safe_load((ROOT / file).read_text())
    assert {"operator", "mlflow", "objectStore"} <= values.keys()
    with helm.Chart.load(str(ROOT / "charts" / "poseline")) as chart:
        files = chart.render(values, name="poseline", namespace="kubeflow")
    texts = [text for name, text in files.items() if name.endswith(".yaml")]
    objects = [each for text in texts for each in yaml.safe_load_all(text) if each]
    deployments = [each["spec"] for each in objects if each["kind"] == "Deployment"]
    images = {
        container["image"]
        for spec in deployments
        for container in spec["template"]["spec"]["containers"]
    }
    loaded = {f"poseline-{world}:{__version__}" for world in ("ml", "operator")}
    assert {image for image in images if image.startswith("poseline-")} == loaded
    assert "poseline-$world:$version" in SCRIPT


def test_kfp_is_the_version_whose_sdk_compiles_the_pipelines():
    pinned = re.search(r"^kfp=(\d+\.\d+)", SCRIPT, re.MULTILINE)[1]
    assert f"\nkfp=={pinned}." in (ROOT / "locks" / "pipelines.txt").read_text()
