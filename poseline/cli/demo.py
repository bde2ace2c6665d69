"""The demo: a set of drawn people, then chain_tqeb on it."""

from __future__ import annotations

import shutil
from pathlib import Path

from poseline.config.loading import load
from poseline.log import get_logger

TRAIN, VAL, SEED = 2200, 400, 7
_log = get_logger(__name__)


def run_demo(out: Path, config: Path = Path("examples/demo.yaml")) -> None:
    """Make the set, run the chain from the start, show the result.

    Args:
        out: Folder for everything.
        config: The config; its paths are put below `out`.
    """
    from poseline.data.synthetic.generate import generate

    if not (out / "coco").is_dir():
        _log.info("drawing people", train=TRAIN, val=VAL)
        generate(out / "coco", TRAIN, VAL, seed=SEED)
    experiment = out / "experiment"
    shutil.rmtree(experiment, ignore_errors=True)
    resolved = load.load(
        config,
        [
            f"conversion.path={out / 'coco'}",
            f"conversion.outputdir={out / 'datasets'}",
            f"mlflow.uri={out / 'mlruns'}",
            f"hydra.run.dir={experiment}",
        ],
    )
    from poseline.cli.summary import show
    from poseline.runner.chain import run_chain

    show(run_chain(resolved))
