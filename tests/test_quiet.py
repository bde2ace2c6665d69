"""Libraries are silent, poseline is not."""

import os
import sys

import pytest

from poseline import quiet
from poseline.log_format import configure as configure_format


def test_what_a_library_writes_is_kept_and_our_lines_are_shown(capfd):
    import structlog

    kept = structlog.get_config()
    configure_format(20, json=False)
    try:
        with quiet.quiet_stderr():
            os.write(2, b"a note of C++\n")
            sys.stdout.write("a note of Python\n")
            structlog.get_logger().info("busy")
        structlog.get_logger().info("afterwards")
    finally:
        structlog.configure(**kept)
    shown = capfd.readouterr()
    assert "busy" in shown.err and "afterwards" in shown.err
    assert "a note" not in shown.err + shown.out


def test_what_was_kept_is_shown_where_the_block_fails(capfd):
    with pytest.raises(ValueError, match="no"), quiet.quiet_stderr():
        os.write(2, b"the reason\n")
        raise ValueError("no")
    assert "the reason" in capfd.readouterr().err
