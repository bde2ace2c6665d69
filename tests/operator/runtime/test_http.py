import urllib.error
import urllib.request

import pytest
import yaml
from support.seaweed import free_ports

from poseline.cli import main
from poseline.operator.api.crd import crds
from poseline.operator.runtime import http, metrics


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_health_readiness_and_metrics():
    (port,) = free_ports(1)
    metrics.LEADER.set(0)
    faults = {"healthy": "", "ready": "not yet"}
    end = http.serve(f"127.0.0.1:{port}", lambda: faults["healthy"], lambda: faults["ready"])
    try:
        url = f"http://127.0.0.1:{port}"
        assert get(f"{url}/healthz") == (200, "ok\n")
        assert get(f"{url}/readyz") == (503, "not yet\n")
        faults.update(healthy="stuck", ready="")
        assert get(f"{url}/healthz") == (503, "stuck\n")
        assert get(f"{url}/readyz") == (200, "ok\n")
        assert get(f"{url}/")[0] == 404
        assert "poseline_operator_leader" in get(f"{url}/metrics")[1]
    finally:
        end()


def test_the_command_prints_the_definitions(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["operator", "crds"])
    assert ended.value.code == 0
    assert list(yaml.safe_load_all(capsys.readouterr().out)) == crds()


def test_wrong_settings_are_told_before_anything_runs(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("POSELINE_SETTLE_SECONDS", "5")
    monkeypatch.setenv("POSELINE_PIPELINES", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        main(["operator", "run"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "settle-seconds" in told
    assert "pipelines" in told
