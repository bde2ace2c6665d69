"""What a pipeline asks for when it is started: a config, and fields of `RunForm` beside it."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from poseline.config.loading.run_form import RunForm

CONFIG = Path(__file__).with_name("default.yaml").read_text(encoding="utf-8")
"""A complete config but for the pictures."""
SEARCH = (
    CONFIG
    + """
search:
  space:
    training.model.alpha: {low: 0.25, high: 0.5, step: 0.05}
    training.model.input_shape: {choices: [[128, 128, 3], [192, 192, 3]]}
  objectives: [oks, latency_ms]
  limits: {board_fit: true}
  trials: 12
"""
)
"""The same with a small search."""
VARIANTS = [
    {"alpha": 0.35, "input_size": 192},
    {"alpha": 0.5, "input_size": 192},
]
"""A small sweep; of three models Kubeflow would show the tasks only at the end."""
SAYS = {
    "config": "The whole config as YAML or JSON. The fields below win over it.",
    "variants": "The models to make, a list of fields each: alpha, input_size, quantizer, "
    "granularity, or any key of the config by its dotted path.",
    "output": "Where the shards are put, such as s3://bucket/people: the `dataset` of a chain.",
    "parts": "How many tasks convert the set, each a part of its pictures.",
    "workers": "How many tasks search, each a candidate at a time.",
    "pose": "single keeps pictures of exactly one person, multi all with at least one.",
    "category": "Name or id of the category; empty: the one that has keypoints.",
} | {name: field.says for name, field in RunForm.described().items()}
"""Parameter of a pipeline to what KFP's form shows of it."""

_OWN = {
    name: inspect.Parameter(
        name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=kind
    )
    for name, default, kind in (
        ("config", CONFIG, str),
        ("variants", VARIANTS, list[dict[str, Any]]),
        ("output", "", str),
        ("parts", 4, int),
        ("workers", 2, int),
        ("pose", "single", str),
        ("category", "", str),
    )
}


Build = Callable[..., None]


def asks(*names: str, config: str | None = CONFIG) -> Callable[[Build], Build]:
    """Give a pipeline these parameters, with the types and defaults of `RunForm`.

    KFP reads a pipeline's parameters in its signature, and calls it with one value for each.

    Args:
        names: Fields of `RunForm`, and our own, in the order in which they are asked for.
        config: Default of the config, which comes first; None: there is none.
    """
    known = _OWN | {name: field.parameter for name, field in RunForm.described().items()}
    if config is not None:
        known["config"] = known["config"].replace(default=config)
        names = ("config", *names)
    parameters = [known[name] for name in names]

    def decorate(build: Build) -> Build:
        @functools.wraps(build)
        def pipeline(*values: Any) -> None:
            build(**dict(zip(names, values, strict=True)))

        pipeline.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return pipeline

    return decorate
