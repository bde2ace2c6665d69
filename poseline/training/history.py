"""What a training leaves beside its models: history, curves, TensorBoard scalars."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from poseline.store.manifest import write_atomic


def write_history(history: Sequence[dict[str, float]], path: Path) -> None:
    """Write one line an epoch, the epoch counted from 1."""
    text = io.StringIO()
    names = list(dict.fromkeys(name for figures in history for name in figures))
    writer = csv.DictWriter(text, ["epoch", *names], lineterminator="\n")
    writer.writeheader()
    for epoch, figures in enumerate(history, 1):
        writer.writerow({"epoch": epoch, **{k: f"{v:.6g}" for k, v in figures.items()}})
    write_atomic(path, text.getvalue())


def plot_curves(history: Sequence[dict[str, float]], path: Path) -> None:
    """Draw loss, OKS and learning rate over the epochs."""
    from matplotlib.figure import Figure

    epochs = range(1, len(history) + 1)
    panels = {
        "loss": ("loss", "val_loss"),
        "OKS": ("val_oks",),
        "learning rate": ("learning_rate",),
    }
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    for axes, (title, names) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        for name in names:
            values = [figures.get(name, float("nan")) for figures in history]
            axes.plot(epochs, values, label=name.replace("_", " "), marker=".", markersize=3)
        axes.set(title=title, xlabel="epoch")
        axes.grid(alpha=0.3)
        if len(names) > 1:
            axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


class Board:
    """TensorBoard's scalars of a training.

    A training that goes on writes its past anew, so that each epoch is there once, whenever the
    one before was ended.

    Args:
        folder: Where `tensorboard --logdir` looks; scalars in it are replaced.
        history: Figures of the epochs that are done.
    """

    def __init__(self, folder: Path, history: Sequence[dict[str, float]] = ()) -> None:
        import tensorflow as tf

        for earlier in folder.glob("events.out.tfevents.*"):
            earlier.unlink()
        self._tf: Any = tf
        self._writer = tf.summary.create_file_writer(str(folder))
        for epoch, figures in enumerate(history):
            self.write(epoch, figures)

    def write(self, epoch: int, figures: dict[str, float]) -> None:
        """Add an epoch's figures."""
        with self._writer.as_default(step=epoch + 1):
            for name, value in figures.items():
                self._tf.summary.scalar(name, value)
        self._writer.flush()
