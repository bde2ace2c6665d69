"""The check for dead code finds it; what libraries and the command line call is not dead."""

import runpy

from support.samples import ROOT

dead = runpy.run_path(str(ROOT / ".ci" / "dead_code.py"))


def names(root):
    return {item.name for item in dead["unused"](root)}


def test_what_nothing_uses_is_found(tmp_path):
    (tmp_path / "poseline").mkdir()
    (tmp_path / "poseline" / "module.py").write_text('''
import dataclasses

LEFT_OVER = 4


@dataclasses.dataclass
class Row:
    field: int

    def unused_method(self):
        self.forgotten = dataclasses.astuple(self)


def used(options):
    options.threads = 1
    return Row(1)


used(None)


def lr_plot():
    """A command, by its name in the table of commands."""
''')
    assert names(tmp_path) == {"LEFT_OVER", "unused_method", "forgotten"}
