"""The demo: a set of drawn people, then chain_tqeb on it."""

from __future__ import annotations

from pathlib import Path

from poseline.config.loading import load
from poseline.errors import StoreError
from poseline.log import get_logger
from poseline.store.ownership import is_ours

TRAIN, VAL, TEST, SEED = 2200, 400, 200, 7
_PACKAGE = Path(__file__).parents[1]
CONFIGS = (_PACKAGE / "examples" / "demo.yaml", _PACKAGE.parent / "examples" / "demo.yaml")
"""Where the config is: in an installed package, in the source tree."""
_log = get_logger(__name__)


def run_demo(out: Path, config: Path | None = None) -> None:
    """Make the set, run the chain, show the result; what is there of an earlier demo is kept.

    Args:
        out: Folder for everything.
        config: The config, whose paths are put below `out`; None: the one that comes with poseline.

    Raises:
        StoreError: The installation lacks the demo's config.
    """
    from poseline.data.synthetic.generate import KIND, generate

    config = config or next((path for path in CONFIGS if path.is_file()), None)
    if config is None:
        raise StoreError("the demo's config is not installed", "install poseline again")
    resolved = load.load(
        config,
        [
            f"conversion.path={out / 'coco'}",
            f"conversion.outputdir={out / 'datasets'}",
            f"mlflow.uri={out / 'mlruns'}",
            f"hydra.run.dir={out / 'experiment'}",
        ],
    )
    if not is_ours(out / "coco", KIND):
        _log.info("drawing people", train=TRAIN, val=VAL, test=TEST, out=str(out / "coco"))
        generate(out / "coco", TRAIN, VAL, test=TEST, seed=SEED)
    from poseline.cli.summary import announce, show
    from poseline.runner.chain import run_chain

    show(run_chain(resolved, announce))
