import pytest

from poseline.errors import StoreError
from poseline.store.stamp import HTML, YAML, check_stamped, write_stamped


@pytest.mark.parametrize("comment", [YAML, HTML])
def test_what_we_wrote_is_written_again_and_what_was_changed_is_kept(tmp_path, comment):
    path = tmp_path / "file"
    write_stamped(path, "one\n", comment)
    write_stamped(path, "two\n", comment)
    assert path.read_text().endswith("\ntwo\n")
    changed = path.read_text() + "mine\n"
    path.write_text(changed)
    with pytest.raises(StoreError, match="was changed since"):
        write_stamped(path, "three\n", comment)
    assert path.read_text() == changed


def test_what_is_somebodys_own_is_kept(tmp_path):
    path = tmp_path / "config.yaml"
    for content in (b"mine: 1\n", b"", b"\xff\xfe\n"):
        path.write_bytes(content)
        with pytest.raises(StoreError):
            write_stamped(path, "a: 1\n", YAML)
        assert path.read_bytes() == content
    path.write_text("a: 1\n")
    write_stamped(path, "a: 1\n", YAML)  # the same content is no loss
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreError):
        check_stamped(path, YAML)
