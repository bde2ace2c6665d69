import subprocess
import sys

import pytest

from poseline.cli.app import _COMMANDS, app, main

GROUPS = ("dataset", "runs", "mlflow", "pipelines", "operator")


def commands():
    """Return every command that does something: those of the top, and those of the groups."""
    found = [(name,) for name in _COMMANDS if name not in ("demo", "schema")]
    for group in GROUPS:
        found += [(group, name) for name in app[group] if not name.startswith("-")]
    return found


def test_every_command_shows_an_example(capsys):
    for command in commands():
        with pytest.raises(SystemExit) as ended:
            main([*command, "--help"])
        shown = capsys.readouterr().out
        assert ended.value.code == 0
        assert "Example: poseline " in shown and command[-1] in shown, command
        assert "Exit codes: 0 done" in shown, command


def test_the_list_of_commands_imports_little():
    code = (
        "import sys\n"
        "from poseline.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = ('structlog', 'markdown_it', 'pydantic', 'yaml', 'numpy', 'asyncio')\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr.strip() == "[]" and "benchmark" in ended.stdout
