import pytest

from poseline.cli.app import main
from poseline.tracking.outbox import CHAIN, Address, Entry, Outbox

pytestmark = pytest.mark.filterwarnings(r"ignore:The ``noload`` loader strategy is deprecated")


def called(*arguments):
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


def test_sync_delivers_what_waits(tmp_path, chain_runs, capsys):
    uri = str(tmp_path / "mlruns")
    outbox = Outbox(tmp_path / "run" / "logs" / "mlflow")
    outbox.address = Address(uri, "people", "chain 1")
    outbox.add(Entry(CHAIN, "start", 1000))
    outbox.add(Entry("train", "metrics", 1000, {"loss": 0.5}))
    assert called("mlflow", "sync", tmp_path / "run") == 0
    assert "delivered 2" in capsys.readouterr().out
    (train,) = chain_runs(uri, "people")["train"]
    assert train.data.metrics == {"loss": 0.5}
    assert called("mlflow", "sync", tmp_path / "run") == 0
    assert "delivered 0" in capsys.readouterr().out


def test_sync_tells_where_there_is_nothing(tmp_path, capsys):
    assert called("mlflow", "sync", tmp_path) == 5
    assert "holds nothing for MLflow" in capsys.readouterr().err
