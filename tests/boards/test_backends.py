import ast
import json
import stat
import sys

import pytest
from support.samples import ROOT
from support.tiny_models import convolutional_onnx

from poseline.config.models.config import Config
from poseline.errors import BackendError
from poseline.stages import benchmark

NEWER = {
    "json_schema_version": "2.0",
    "memory_footprint": {
        "weights": 204800,
        "activations": 102400,
        "io": [1, 2],
        "kernel_flash": 51200,
        "kernel_ram": 10240,
        "series": "stm32h7",
    },
    "graphs": [{"nodes": [{"name": "conv", "id": 0, "macc": 1000}, {"id": 1, "macc": 234}]}],
}
OLDER = {"ram_size": [102400], "rom_size": 204800, "rom_n_macc": 1234}
TOOL = """#!{python}
import json, pathlib, sys
arguments = sys.argv[1:]
log = pathlib.Path({log!r})
log.write_text(json.dumps([*json.loads(log.read_text()), arguments]))
if arguments == ["--version"]:
    print("ST Edge AI Core v10.0.0-20049")
elif {fails!r}:
    print("E010(InvalidModelError): operator is not supported", file=sys.stderr)
    raise SystemExit(1)
elif arguments[0] == "validate":
    print({validated!r})
    raise SystemExit({validated!r} == "")
else:
    out = pathlib.Path(arguments[arguments.index("--output") + 1])
    (out / {report!r}).write_text({content!r})
"""
VALIDATED = """
 Evaluation report (summary)
 ---------------------------------------------------------------------------------------
 Output       acc       rmse          mae           mean          std           cos    tensor
 ---------------------------------------------------------------------------------------
 X-cross #1   n.a.      0.000123000   0.000100000   -0.000001000   0.000120000   0.999998   sigmoid
"""


@pytest.fixture
def tool(tmp_path):
    """A stand-in for the vendor's executable, which cannot be had here: it notes its arguments."""

    def make(report="network_c_info.json", content=NEWER, fails=False, validated=VALIDATED):
        log, path = tmp_path / "calls.json", tmp_path / "stedgeai"
        log.write_text("[]")
        content = content if isinstance(content, str) else json.dumps(content)
        path.write_text(
            TOOL.format(
                python=sys.executable,
                log=str(log),
                fails=fails,
                report=report,
                content=content,
                validated=validated,
            )
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path, log

    return make


def config(path, board="STM32H747I-DISCO", backends=("stedgeai",)):
    return Config.model_validate(
        {
            "tools": {"stedgeai": {"path_to_stedgeai": str(path), "optimization": "ram"}},
            "benchmarking": {"board": board, "backends": list(backends)},
        }
    )


@pytest.fixture
def model(tmp_path):
    return convolutional_onnx(tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("report", "content"),
    [
        ("network_c_info.json", NEWER),
        ("network_report.json", OLDER),
        ("network_report.json", OLDER | {"ram_size": 102400}),
    ],
)
def test_the_tool_is_called_and_its_report_is_read(tool, model, tmp_path, report, content):
    path, log = tool(report, content)
    settings = config(path, backends=("stedgeai", "estimate"))
    result = benchmark.run(settings, {"model": model}, tmp_path / "out")
    found = {k: v for k, v in result.metrics.items() if k.startswith("stedgeai_")}
    expected = {
        "stedgeai_macc": 1234,
        "stedgeai_weights_kb": 200,
        "stedgeai_activations_kb": 100,
        "stedgeai_rmse": 0.000123,
        "stedgeai_cosine": 0.999998,
    }
    if content is NEWER:
        expected |= {"stedgeai_flash_kb": 250, "stedgeai_ram_kb": 110}
    assert found == expected
    assert result.metrics["flash_kb"] > 0
    version, analyze, generate, validate = json.loads(log.read_text())
    assert version == ["--version"]
    options = dict(zip(generate[1:9:2], generate[2:9:2], strict=True))
    assert [one[0] for one in (analyze, generate, validate)] == ["analyze", "generate", "validate"]
    assert analyze[1:] == generate[1 : len(analyze)] == validate[1 : len(analyze)]
    assert validate[-2:] == ["--mode", "host"]
    assert options["--target"] == "stm32h7"
    assert options["--model"] == str(model.resolve())
    assert options["--optimization"] == "ram"
    assert "--st-neural-art" not in generate
    assert result.summary["stedgeai_version"] == "10.0.0-20049"


def test_the_npu_is_asked_for_on_an_n6(tool, model, tmp_path):
    path, log = tool()
    benchmark.run(config(path, "STM32N6570-DK"), {"model": model}, tmp_path / "out")
    for called in json.loads(log.read_text())[1:]:
        assert called[2] == "stm32n6"
        assert "--st-neural-art" in called


@pytest.mark.parametrize("said", ["", "no table", "X-cross #1 n.a. n.a. n.a."])
def test_a_validation_that_tells_nothing_leaves_the_other_figures(tool, model, tmp_path, said):
    """There may be no compiler for this machine, for example."""
    path, _ = tool(validated=said)
    result = benchmark.run(config(path), {"model": model}, tmp_path / "out")
    assert result.metrics["stedgeai_weights_kb"] == 200
    assert "stedgeai_rmse" not in result.metrics


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fails": True}, r"refused the model: E010\(InvalidModelError\)"),
        ({"report": "other.json"}, "wrote no report"),
        ({"content": "{}"}, "does not read as expected: KeyError 'memory_footprint'"),
        ({"content": "no JSON"}, "does not read as expected"),
    ],
)
def test_what_goes_wrong_is_told(tool, model, tmp_path, options, message):
    path, _ = tool(**options)
    with pytest.raises(BackendError, match=message):
        benchmark.run(config(path), {"model": model}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_tool_is_told_with_its_key(model, tmp_path):
    with pytest.raises(BackendError, match="<XXX>/stedgeai") as error:
        benchmark.run(config("C:/<XXX>/stedgeai.exe"), {"model": model}, tmp_path / "out")
    assert "tools.stedgeai.path_to_stedgeai" in error.value.remedy


def test_a_board_with_linux_has_no_footprint(tool, model, tmp_path):
    path, _ = tool()
    with pytest.raises(BackendError, match="STM32MP157F-DK2 runs Linux"):
        benchmark.run(config(path, "STM32MP157F-DK2"), {"model": model}, tmp_path / "out")


def test_no_program_that_is_started_reads_the_users_terminal():
    calls = [
        (path.name, node)
        for path in (ROOT / "poseline").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("subprocess.")
    ]
    assert len(calls) >= 2
    deaf = {"stdin", "input"}
    assert [name for name, call in calls if not deaf & {k.arg for k in call.keywords}] == []
