"""The demo: a set of drawn people, then chain_tqeb on it."""

from __future__ import annotations

from pathlib import Path

from poseline.config.loading import load
from poseline.log import get_logger
from poseline.store.ownership import is_ours

TRAIN, VAL, SEED = 2200, 400, 7
_log = get_logger(__name__)


def run_demo(out: Path, config: Path = Path("examples/demo.yaml")) -> None:
    """Make the set, run the chain, show the result; what is there of an earlier demo is kept.

    Args:
        out: Folder for everything.
        config: The config; its paths are put below `out`.
    """
    from poseline.data.synthetic.generate import KIND, generate

    if not is_ours(out / "coco", KIND):
        _log.info("drawing people", train=TRAIN, val=VAL)
        generate(out / "coco", TRAIN, VAL, seed=SEED)
    resolved = load.load(
        config,
        [
            f"conversion.path={out / 'coco'}",
            f"conversion.outputdir={out / 'datasets'}",
            f"mlflow.uri={out / 'mlruns'}",
            f"hydra.run.dir={out / 'experiment'}",
        ],
    )
    from poseline.cli.summary import announce, show
    from poseline.runner.chain import run_chain

    show(run_chain(resolved, announce))
