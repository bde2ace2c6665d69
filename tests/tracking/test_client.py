import pytest

from poseline.errors import BackendError
from poseline.tracking.client import artifact_location, tracking_uri


def test_a_directory_is_one_by_its_path_and_by_its_uri(tmp_path):
    folder = tmp_path / "ml runs"
    for written in (str(folder), folder.as_uri(), f"file:{folder}"):
        assert tracking_uri(written) == f"sqlite:///{folder}/mlflow.db"
        assert artifact_location(written) == (folder / "artifacts").as_uri()
    assert folder.is_dir()
    assert tracking_uri("http://h:5000") == "http://h:5000"


def test_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BackendError, match="cannot hold runs"):
        tracking_uri(str(tmp_path / "file" / "runs"))
    with pytest.raises(BackendError, match="another host"):
        tracking_uri("file://elsewhere/runs")
