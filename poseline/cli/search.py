"""`poseline search`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from poseline.terminal import Console


def search(config: Path, *overrides: str) -> None:
    """Search for the best models for a board; the config's `search` section says what to vary.

    An interrupted search continues when it is started again with the same hydra.run.dir.

    Example: `poseline search examples/search.yaml search.trials=10 hydra.run.dir=searched`

    Args:
        config: The YAML file.
        overrides: Changes as `key=value`; `+key=value` adds, `~key` deletes.
    """
    from poseline.cli.run_tables import comparison_tables
    from poseline.search.search import COMPARISON, RESULT
    from poseline.search.search import search as run
    from poseline.stages.compare import PAGE

    found = run(config, overrides)
    console = Console()
    for part in comparison_tables(found.groups):
        console.print(part)
    counts = Counter(one["state"] for one in found.trials)
    console.print(", ".join(f"{count} {state}" for state, count in counts.items()))
    console.print(f"The most accurate one is in {found.best.folder}", soft_wrap=True)
    wrote = f"Wrote {found.folder / RESULT} and {found.folder / COMPARISON / PAGE}"
    console.print(wrote, soft_wrap=True)
