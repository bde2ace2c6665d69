"""`poseline init`: a commented config to start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from poseline.config.models.benchmarking import Board
from poseline.terminal import Console

if TYPE_CHECKING:
    from poseline.data.keypoints import KeypointSet

Task = Literal["train", "quantize", "predict"]
Keypoints = Literal[13, 17, 21, 133]


def init(
    *,
    pictures: Annotated[str, Parameter(name="--set")],
    task: Task = "train",
    keypoints: Keypoints | None = None,
    category: str | None = None,
    board: Board = "STM32N6570-DK",
    size: int = 192,
    model: str | None = None,
    name: str | None = None,
    out: Path = Path("user_config.yaml"),
    overwrite: bool = False,
) -> None:
    """Write a commented config for a task; it is checked and runs as it is.

    Example: `poseline init --set my_export --board STM32H747I-DISCO --out config.yaml`

    Args:
        pictures: Pictures with labels, a path or a URI: a COCO export, a YOLO-pose set, a set in
            YOLO Darknet format, or a packed one. With `predict`: pictures.
        task: `train` a model, quantize and evaluate it; `quantize` a model and evaluate it before
            and after; or `predict`: draw the poses that a model finds.
        keypoints: 13, 17, 21 or 133 of a known set; by default those of the set or the model.
        category: Name or id of the category to convert; required if several have keypoints.
        board: The board that the model is meant for.
        size: Height and width of a new model's input in px, a multiple of 32.
        model: The model to start from; required to quantize and to predict.
        name: Name of the project; by default the name of the set's folder.
        out: The config to write.
        overwrite: Replace an existing file.
    """
    from poseline.config.loading import load
    from poseline.config.template import Answers, written
    from poseline.errors import ConfigError, Problem, StoreError
    from poseline.store.manifest import write_atomic

    if out.exists() and not overwrite:
        raise StoreError(f"{out} already exists", "choose another --out, or give --overwrite")
    if task != "train" and not model:
        raise ConfigError([Problem("--model", "nothing", f"the model to {task}")], "init")
    answers = Answers(
        task=task,
        pictures=pictures.rstrip("/") or "/",
        keypoints=keypoints,
        category=category,
        board=board,
        size=size,
        model=model,
        name=name or Path(pictures).resolve().name or "poses",
        **_seen(pictures, keypoints, category, labelled=task != "predict"),
    )
    text = written(answers)
    load.parse(text, source="init")
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(out, text)
    say = Console(soft_wrap=True, highlight=False, markup=False).print
    say(f"Wrote {out}" + (f"; {answers.about}" if answers.about else ""))
    folder = "" if out.parent == Path() else f" --config-path {out.parent}"
    say(f"Check it: poseline validate {out}")
    say(f"Run it:   poseline run{folder} --config-name {out.name}")


def _seen(
    uri: str, keypoints: int | None, category: str | None, *, labelled: bool
) -> dict[str, Any]:
    """Return what a set is seen to be: the answers that its user need not give."""
    from poseline import store
    from poseline.config.loading.run_form import kind_of
    from poseline.data.definitions import defined
    from poseline.store.uri import parse

    if not labelled:
        return {"kind": None, "parts": (False, False), "about": "", "mirrored": False}
    listed = list(store.listing(uri.rstrip("/")))
    parts = tuple(any(name.startswith(f"{part}/") for name in listed) for part in ("train", "val"))
    kind = kind_of(listed)
    here = Path(parse(uri).path) if parse(uri).scheme == "file" else None
    points = _points(here, kind, parts, category) if here else None
    wanted = defined(keypoints) if keypoints else points
    return {
        "kind": kind,
        "parts": parts,
        "about": " ".join(f"the set has {points}".split()) if points else "",
        "mirrored": wanted is None or bool(wanted.pairs) or len(wanted) == 1,
    }


def _points(folder: Path, kind: str, parts: tuple[bool, ...], category: str | None) -> KeypointSet:
    from poseline.data.conversion_source import points_of_source
    from poseline.data.set_points import points_of
    from poseline.data.shards import samples_of

    if kind in ("coco", "yolo_pose"):
        return points_of_source(folder, category)
    place = folder / "train" if parts[0] else folder
    return points_of(place, samples_of(place))
