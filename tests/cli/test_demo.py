import pytest

from poseline.cli import demo
from poseline.errors import StoreError


def test_it_starts_from_any_folder_and_holds_back_a_test_set(tmp_path, monkeypatch):
    """The config comes with poseline; the set has a split that neither trains nor validates."""
    monkeypatch.chdir(tmp_path)
    made = {}
    monkeypatch.setattr("poseline.runner.chain.run_chain", lambda config, _: config)
    monkeypatch.setattr("poseline.cli.summary.show", lambda config: made.update(config=config))
    monkeypatch.setattr(
        "poseline.data.synthetic.generate.generate",
        lambda out, train, val, test, seed: made.update(out=out, counts=(train, val, test)),
    )
    demo.run_demo(tmp_path / "demo")
    assert made["config"].conversion.path == str(made["out"]) == str(tmp_path / "demo/coco")
    assert min(made["counts"]) > 0


def test_without_its_config_nothing_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "CONFIGS", (tmp_path / "missing.yaml",))
    with pytest.raises(StoreError, match="not installed"):
        demo.run_demo(tmp_path / "demo")
    assert not (tmp_path / "demo").exists()
