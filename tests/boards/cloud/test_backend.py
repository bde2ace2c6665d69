import json

import pytest
from support import developer_cloud as double
from support.tiny_models import convolutional_onnx

from poseline.boards import registry
from poseline.boards.cloud.backend import Cloud
from poseline.boards.cloud.service import Patience
from poseline.boards.figures import labelled, remarks
from poseline.config.models.config import Config
from poseline.errors import BackendError
from poseline.stages import benchmark

QUICK = Patience(timeout_s=5, attempts=3, poll_s=0.01, benchmark_s=5, tool_s=5)
VARIABLES = ("STM32AI_USERNAME", "STM32AI_PASSWORD", "STM32AI_TOKEN", "POSELINE_STEDGEAI_SECRET")


@pytest.fixture
def cloud(monkeypatch):
    for name in (*VARIABLES, "stmai_username", "stmai_password", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("poseline.retry.FIRST_WAIT_S", 0.01)
    with double.serving() as server:
        for name in ("CLOUD", "SIGN_IN", "PASSWORD"):
            monkeypatch.setenv(f"STEDGEAI_{name}_URL", server.url)
        monkeypatch.setenv("STM32AI_USERNAME", double.USER)
        monkeypatch.setenv("STM32AI_PASSWORD", double.PASSWORD)
        yield server


@pytest.fixture
def model(tmp_path):
    return convolutional_onnx(tmp_path / "m.onnx")


def config(board="STM32H747I-DISCO", version="10.0.0"):
    return Config.model_validate(
        {
            "tools": {"stedgeai": {"version": version, "optimization": "ram"}},
            "benchmarking": {"board": board, "backends": ["cloud"]},
        }
    )


def measure(model, **settings):
    return Cloud(QUICK).measure(model, config(**settings))


def test_a_model_is_measured_on_a_board_of_the_farm(cloud, model, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "backend_for", lambda _: Cloud(QUICK))
    monkeypatch.setattr(benchmark, "backend_for", lambda _: Cloud(QUICK))
    result = benchmark.run(config(), {"model": model}, tmp_path / "out")
    assert result.metrics == {
        "cloud_ms": 12.5,
        "cloud_macc": 1234,
        "cloud_weights_kb": 200,
        "cloud_activations_kb": 100,
        "cloud_flash_kb": 250,
        "cloud_ram_kb": 110,
        "cloud_rmse": 0.000123,
    }
    shown = labelled(result.metrics, result.summary)
    assert shown["latency on the board (measured in ST's developer cloud)"] == "12.50 ms"
    assert "double" in remarks(result.summary)["ST's developer cloud"]
    assert json.loads(result.files["cloud_report"].read_text())["info"] == double.INFO
    assert result.files["cloud_network"].read_bytes() == b"PK the code"
    (sent,) = cloud.asked("POST", "/api/benchmark/benchmark/stm32h747i-disco")
    asked = json.loads(sent["body"])
    assert asked["version"] == "2.0.0"
    assert asked["optimization"] == "ram"
    assert asked["target"] == "stm32h7"
    assert cloud.models == {}  # it is removed at the end
    for path in (tmp_path / "out").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert double.TOKEN.encode() not in content
        assert double.PASSWORD.encode() not in content


def test_the_uploaded_bytes_are_the_model(cloud, model):
    cloud.boards.append("NUCLEO-H743ZI2")
    kept = {}
    remember = cloud.models.__class__.__setitem__

    class Kept(dict):
        def __setitem__(self, name, content):
            kept[name] = content
            remember(self, name, content)

    cloud.models = Kept()
    measure(model, board="NUCLEO-H743ZI2")
    ((name, content),) = kept.items()
    assert content == model.read_bytes()
    assert name.startswith("poseline-")
    assert name.endswith(".onnx")


def test_a_board_with_linux_gets_its_own_queue_and_no_c_code(cloud, model):
    found = measure(model, board="STM32MP257F-EV1", version="6.0")
    assert found.metrics == {"cloud_ms": 7.5, "cloud_flash_kb": 200, "cloud_ram_kb": 10240}
    (sent,) = cloud.asked("POST", "/api/benchmark/benchmark/mpu/stm32mp257f-ev1")
    asked = json.loads(sent["body"])
    assert (asked["engine"], asked["nbCores"], asked["version"]) == ("hw_accelerator", 2, "2.0.0")
    assert list(found.files) == ["cloud_report.json"]


def test_the_npu_is_asked_for_and_an_unknown_version_is_the_latest(cloud, model):
    found = measure(model, board="STM32N6570-DK", version="99.0")
    (sent,) = cloud.asked("POST", "/api/benchmark/benchmark/stm32n6570-dk")
    asked = json.loads(sent["body"])
    assert asked["stNeuralArt"] == "default"
    assert asked["version"] == found.summary["cloud_version"] == "3.0.0"


def test_what_was_mapped_to_memory_counts_where_the_cloud_tells_it(cloud, model):
    cloud.mapping = {"memoryFootprint": {"weights": 1024, "activations": 2048}}
    assert measure(model).metrics["cloud_flash_kb"] == 1


@pytest.mark.parametrize(
    "path",
    [
        "/assets/versions.json",
        "/api/benchmark/boards",
        "/api/file/files/models",
        "/api/benchmark/benchmark/b-1",
        "/api/file/files/generated/network.zip",
    ],
)
def test_a_cloud_that_is_away_for_a_moment_is_asked_again(cloud, model, path):
    cloud.fail(path, 503, 0)
    assert measure(model).metrics["cloud_ms"] == 12.5


def test_a_cloud_that_stays_away_is_told_and_the_model_is_not_left(cloud, model):
    cloud.fail("/api/benchmark/benchmark/b-1", *[502] * 3)
    with pytest.raises(BackendError, match="b-1 answers 502"):
        measure(model)
    assert cloud.models == {}
    assert cloud.queue == {}  # nor does the benchmark wait in the queue


def test_the_figures_hold_without_the_c_code(cloud, model):
    cloud.fail("/api/2.0.0/stm32ai/generate", 500)
    found = measure(model)
    assert found.metrics["cloud_ms"] == 12.5
    assert list(found.files) == ["cloud_report.json"]


def test_a_benchmark_is_queued_once_whatever_comes_of_the_answer(cloud, model):
    cloud.fail("/api/benchmark/benchmark/stm32h747i-disco", 503)
    with pytest.raises(BackendError, match="answers 503"):
        measure(model)
    assert len(cloud.asked("POST", "/api/benchmark/benchmark/stm32h747i-disco")) == 1


def test_a_benchmark_without_end_is_left_after_a_while_and_deleted(cloud, model):
    cloud.end = "in_queue"
    patience = Patience(timeout_s=5, poll_s=0.01, benchmark_s=0.2)
    with pytest.raises(BackendError, match="did not end within 0 s"):
        Cloud(patience).measure(model, config())
    assert cloud.queue == cloud.models == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"end": "error"}, "failed in ST's developer cloud: region RAM overflowed"),
        ({"boards": ["NUCLEO-F401RE"]}, "no STM32H747I-DISCO now"),
        ({"info": {"graphs": []}}, "does not read as expected: info.graphs"),
        ({"info": double.INFO | {"graphs": [{"nodes": []}]}}, "measured no time"),
        ({"form": "<html>we moved</html>"}, "shows no form for a password"),
    ],
)
def test_what_goes_wrong_is_told(cloud, model, change, said):
    for name, value in change.items():
        setattr(cloud, name, value)
    with pytest.raises(BackendError, match=said):
        measure(model)
    assert cloud.models == {}
