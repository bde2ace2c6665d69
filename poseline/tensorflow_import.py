"""How TensorFlow is imported, whenever that will be: silently, and without what nobody here uses.

Keras imports scikit-learn, pandas and Matplotlib's pyplot where they are installed, as they are
beside MLflow, for wrappers, data frames and galleries of pictures: two fifths of the time that the
import of TensorFlow takes (benchmarks/start.py). In a process of poseline's own Keras does not see
them; whoever else imports them does. A user's own process is left as it is.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from poseline.garbage import lasting
from poseline.quiet import quiet_stderr

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_UNUSED = ("matplotlib", "pandas", "sklearn")
_lean = False


def import_tensorflow_quietly() -> None:
    """Keep TensorFlow silent while it is imported."""
    if "tensorflow" not in sys.modules and _TensorFlow not in sys.meta_path:
        sys.meta_path.insert(0, _TensorFlow)


def import_tensorflow_lean() -> None:
    """Hide from Keras what it does not need here: for processes that are poseline's own."""
    global _lean
    _lean = True


class _TensorFlow:
    """A finder for the first import of TensorFlow or Keras, each of which imports the other.

    No log level keeps TensorFlow's note on oneDNN back.
    """

    @classmethod
    def find_spec(cls, name: str, *_: Any) -> ModuleSpec | None:
        if name not in ("keras", "tensorflow"):
            return None
        with suppress(ValueError):  # another thread was here
            sys.meta_path.remove(cls)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_so(module: ModuleType) -> None:
                with quiet_stderr(), lasting(), _hidden(_UNUSED if _lean else ()):
                    load(module)

            spec.loader.exec_module = load_so  # type: ignore[method-assign]
        return spec


class _Hidden:
    """A finder by which one thread does not find some packages."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names, self._thread = names, threading.get_ident()

    def find_spec(self, name: str, *_: Any) -> None:
        if name in self._names and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@contextmanager
def _hidden(names: tuple[str, ...]) -> Iterator[None]:
    """Hide packages from this thread; one that is imported already stays."""
    finder = _Hidden(names)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
