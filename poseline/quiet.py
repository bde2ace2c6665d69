"""Silence for libraries that write to the process's own stderr."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_CLEAR_LINE = "\r\x1b[K"
_shown: list[int] = []
_bar = threading.Event()
_lock = threading.Lock()


def bar_shown(shown: bool) -> None:
    """Note whether a bar is on the terminal's last line, which makes room for what is written."""
    _bar.set() if shown else _bar.clear()


class UsersStderr:
    """What reaches the user: `sys.stderr`, and the real one while `quiet_stderr` is at work."""

    def write(self, text: str) -> None:
        """Show text."""
        if _bar.is_set() and text.strip():
            text = _CLEAR_LINE + text
        with _lock:
            if _shown:
                os.write(_shown[-1], text.encode(errors="backslashreplace"))
            else:
                sys.stderr.write(text)

    def flush(self) -> None:
        """Show what `sys.stderr` still holds."""
        sys.stderr.flush()


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep what is written to stderr, by C++ too, and show it only where the block fails.

    What is printed is dropped. poseline's own log goes on.
    """
    import io
    import tempfile
    from contextlib import redirect_stdout

    sys.stderr.flush()
    kept = os.dup(2)
    silence = redirect_stdout(io.StringIO())
    with tempfile.TemporaryFile() as file, warnings.catch_warnings(), silence:
        warnings.simplefilter("ignore")
        os.dup2(file.fileno(), 2)
        _shown.append(kept)
        try:
            yield
        except BaseException:
            sys.stderr.flush()
            file.seek(0)
            os.write(kept, file.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            with _lock:
                _shown.remove(kept)
                os.close(kept)
