"""Commands about the config itself: validate, lr-plot, schema."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

from poseline.config.loading import load, presets
from poseline.terminal import Console


def validate(config: Path, *overrides: str, online: bool = False) -> None:
    """Check a config and print it with all defaults and what its preset adds.

    Example: `poseline validate examples/demo.yaml training.epochs=5`

    Args:
        config: The YAML file.
        overrides: Changes as `key=value`; `+key=value` adds, `~key` deletes.
        online: Also check that every path, URI and pretrained weight can be obtained.
    """
    written = load.load(config, overrides, preset=False)
    resolved = presets.completed(written)
    if online:
        from poseline.runner.reachable import check_reachable

        check_reachable(resolved, str(config))
    text = load.dump(resolved)
    if added := presets.additions(written):
        preset = resolved.training.preset if resolved.training else ""
        keys = "".join(f"#   {key}\n" for key in added)
        text = f"# Left out, and added by training.preset: {preset}\n{keys}{text}"
    Console(soft_wrap=True, highlight=False).print(text, end="", markup=False)


def lr_plot(
    config: Path,
    *overrides: str,
    out: Path = Path("learning_rate.png"),
    overwrite: bool = False,
) -> None:
    """Draw the learning rate over the epochs of a config, without training.

    Example: `poseline lr-plot examples/demo.yaml --out lr.png`

    Args:
        config: The YAML file.
        overrides: Changes as `key=value`.
        out: The picture to write, a .png or .jpg.
        overwrite: Replace a file that poseline did not write.
    """
    from poseline.errors import ConfigError, Problem
    from poseline.store.drawing import check_picture
    from poseline.training.learning_rate import plot

    resolved = load.load(config, overrides)
    if resolved.training is None:
        raise ConfigError([Problem("training", "nothing", "a section")], str(config))
    plot(resolved.training, check_picture(out, inputs=[config], overwrite=overwrite))
    Console(soft_wrap=True, highlight=False, markup=False).print(f"Wrote {out}")


def schema(*, check: bool = False, root: Path = Path()) -> int:
    """Write the files that are generated from the config models, or check that they are current.

    Args:
        check: Write nothing; list what is out of date, and exit with code 1.
        root: The project's folder.
    """
    from poseline.chart import generate as chart
    from poseline.cli import exit_codes
    from poseline.config.schema.generate import OUTPUTS, generate
    from poseline.operator.api import admission, crd, rbac, reference

    outputs = {**OUTPUTS, **chart.OUTPUTS, **crd.OUTPUTS, **rbac.OUTPUTS, **reference.OUTPUTS}
    outputs |= {**exit_codes.OUTPUTS, **admission.OUTPUTS}
    for entry in entry_points(group="poseline.outputs"):  # of the packages above this one
        outputs |= entry.load()
    stale = generate(root, check=check, outputs=outputs)
    for path in stale:
        Console(stderr=True).print(f"{'stale' if check else 'wrote'}: {path}")
    return 1 if check and stale else 0
