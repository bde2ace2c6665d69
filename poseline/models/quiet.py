"""Silence for tools that write to the process's own stderr."""

from __future__ import annotations

import io
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep what is written to stderr, by C++ too, and show it only where the block fails."""
    sys.stderr.flush()
    kept = os.dup(2)
    silence = redirect_stdout(io.StringIO())
    with tempfile.TemporaryFile() as file, warnings.catch_warnings(), silence:
        warnings.simplefilter("ignore")
        os.dup2(file.fileno(), 2)
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
            os.close(kept)
