import pytest

from poseline.cli.app import main


def called(*arguments):
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_to_a_file_touches_nothing_else(tmp_path, monkeypatch, shell):
    home = tmp_path / "home"
    home.mkdir()
    (home / ".bashrc").write_text("# mine\n")
    monkeypatch.setenv("HOME", str(home))
    out = tmp_path / "out" / "poseline"
    for _ in range(2):  # what we wrote is replaced
        assert called("--install-completion", "--shell", shell, "--output", out) == 0
    assert "compare" in out.read_text()
    assert [path.name for path in home.iterdir()] == [".bashrc"]
    assert (home / ".bashrc").read_text() == "# mine\n"


def test_completion_leaves_a_file_of_the_user(tmp_path):
    (tmp_path / "mine").write_text("mine")
    assert called("--install-completion", "--shell", "bash", "-o", tmp_path / "mine") == 5
    assert (tmp_path / "mine").read_text() == "mine"
