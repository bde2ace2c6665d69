"""What comes from outside is shown on a terminal, and neither obeyed nor interpreted."""

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from poseline.terminal import Console, one_line, safe


def _shown(content):
    out = io.StringIO()
    Console(file=out, width=200, force_terminal=True).print(content)
    return out.getvalue()


def test_markup_and_escapes_are_shown_as_they_are():
    table = Table(title="[/x] \x1b[2J")
    table.add_column("a[/b]")
    table.add_row("runs/[/x]")
    table.add_row(Text("\x1b[2J\u202egnp.exe"))
    for shown in (_shown("[/x] [bold]\x1b[2J\x07"), _shown(table)):
        assert "[/x]" in shown and r"\x1b[2J" in shown
        assert "\x1b[2J" not in shown and "\x07" not in shown and "\u202e" not in shown


def test_names_stay_on_one_line():
    assert one_line("a\nb\tc\x1b") == r"a\nb\tc\x1b"


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text):
    made = safe(text)
    assert all(char in "\n\t" or char >= " " for char in made)
    assert not any("\x7f" <= char <= "\x9f" for char in made)
    made.encode()


def test_logs_and_errors_are_safe(capsys, monkeypatch):
    from poseline import log
    from poseline.cli.app import _say

    monkeypatch.delenv("POSELINE_LOG_JSON", raising=False)
    log.configure(json=False)
    log.get_logger("x").warning("\x1b[2J", why="a\n\x1b]0;b\x07")
    _say("\x1b[2J[/x]")
    error = capsys.readouterr().err
    assert "\x1b[2J" not in error and "\x07" not in error and r"\x1b[2J[/x]" in error
