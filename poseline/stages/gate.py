"""gate: evaluations and a benchmark in, whether the model may be registered out, and why."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from poseline.config.models.config import Config
from poseline.config.models.gate import Gate
from poseline.errors import ConfigError, Problem
from poseline.log import get_logger
from poseline.names import (
    BENCHMARK,
    EVALUATE_FLOAT,
    EVALUATE_INT8,
    FITS,
    FLASH_KB,
    LATENCY_MS_ESTIMATE,
    OKS_FLOAT,
    OKS_INT8,
    RAM_KB,
)
from poseline.stages.result import Inputs, StageResult, finish
from poseline.store.manifest import Manifest, write_atomic
from poseline.store.outputs import output_folder

_log = get_logger(__name__)
RESULT, PAGE = "gate.json", "gate.md"
SHOWN = {
    EVALUATE_FLOAT: {"oks": OKS_FLOAT},
    EVALUATE_INT8: {"oks": OKS_INT8},
    BENCHMARK: {name: name for name in (FITS, LATENCY_MS_ESTIMATE, FLASH_KB, RAM_KB)},
}
"""Step to the figures that chains are compared by, and to what they are called there."""


@dataclass(frozen=True)
class Check:
    """One limit of the gate: what was asked, what was found, whether that is enough."""

    name: str
    asked: str
    found: str
    passed: bool


@dataclass(frozen=True)
class EvaluatedOn:
    """What an OKS was measured on; two figures compare where this is equal.

    Attributes:
        content: Content hash of the test set.
        settings: Hash of the evaluation's config slice.
        pictures: How many were evaluated; distinguishes a part from the whole.
    """

    content: str
    settings: str
    pictures: int


@dataclass(frozen=True)
class Verdict:
    """What the figures say of a model.

    Attributes:
        checks: Each limit that is set.
        oks: OKS of the int8 model, or of the only one; None where nothing was evaluated, or the
            model was calibrated on random data.
        test: What `oks` was measured on.
    """

    checks: tuple[Check, ...]
    oks: float | None = None
    test: EvaluatedOn | None = None

    @property
    def passed(self) -> bool:
        """Whether every check is passed."""
        return all(check.passed for check in self.checks)


@dataclass(frozen=True)
class Promotion:
    """What became of a model that passed.

    Attributes:
        name: Name of the registered model.
        version: Its version.
        promoted: Whether it is the champion now.
        why: The reason, in words.
        champion: Version that it was compared with; None where there was no champion.
        champion_oks: OKS of that champion on the same test set; None where it is not known.
    """

    name: str
    version: str
    promoted: bool
    why: str
    champion: str | None = None
    champion_oks: float | None = None


Promote = Callable[[Verdict, Inputs], Promotion]
"""Registers a model that passed, given the verdict and the stage's inputs."""


def run(
    config: Config, inputs: Inputs, out: Path, *, promote: Promote | None = None
) -> StageResult:
    """Decide whether a model passes the gate, and have it registered where it does.

    A model that does not pass is not an error: the result says so.

    Args:
        config: The gate slice or the whole config.
        inputs: The folders of `evaluate-float`, `evaluate-int8` and `benchmark`, those there are;
            for `promote` the `model`, and the `test` set where one was evaluated.
        out: Folder to make.
        promote: Registers a model that passed; None: only decide.

    Raises:
        ConfigError: There is no `gate` section.
        StoreError: A folder holds no finished stage.
        BackendError: The registry cannot be reached; nothing is written.
    """
    steps = [name for name in SHOWN if name in inputs]
    manifests = {name: Manifest.read(inputs[name]) for name in steps}
    verdict = decide(config, manifests)
    promotion = promote(verdict, inputs) if verdict.passed and promote else None
    found = {
        "passed": verdict.passed,
        "checks": [asdict(check) for check in verdict.checks],
        "measured": measured(manifests),
    }
    if promotion:
        found |= {"promotion": asdict(promotion)}
    metrics = {"passed": float(verdict.passed)}
    if verdict.oks is not None:
        metrics["oks"] = verdict.oks
    if promotion:
        metrics["promoted"] = float(promotion.promoted)
    with output_folder(out, "gate", sources=inputs.values()) as work:
        write_atomic(work / RESULT, json.dumps(found, indent=1) + "\n")
        write_atomic(work / PAGE, page(verdict, promotion))
        finish(
            "gate",
            config,
            inputs,
            work,
            roles={"gate": RESULT, "page": PAGE},
            metrics=metrics,
            summary=found,
        )
    failed = [check.name for check in verdict.checks if not check.passed]
    _log.info("gate passed") if verdict.passed else _log.warning("gate not passed", failed=failed)
    return StageResult.load(out)


def measured(manifests: Mapping[str, Manifest]) -> dict[str, float]:
    """Return the figures that chains are compared by.

    Args:
        manifests: Of steps, by their names.
    """
    return {
        new: manifest.metrics[old]
        for step, manifest in manifests.items()
        for old, new in SHOWN.get(step, {}).items()
        if old in manifest.metrics
    }


def decide(config: Config, manifests: Mapping[str, Manifest]) -> Verdict:
    """Compare what was measured with the limits that are set.

    Args:
        config: With a `gate`.
        manifests: Of the steps that were run, by their names.

    Raises:
        ConfigError: There is no `gate` section.
    """
    gate = config.gate
    if gate is None:
        raise ConfigError([Problem("gate", "nothing", "a section")])
    evaluation = manifests.get(EVALUATE_INT8) or manifests.get(EVALUATE_FLOAT)
    oks, test = _accuracy(evaluation) if evaluation else (None, None)
    before = manifests.get(EVALUATE_FLOAT)
    unquantized = before.metrics.get("oks") if before and before is not evaluation else None
    benchmark = manifests.get(BENCHMARK)
    checks = [
        *_accuracy_checks(gate, oks, unquantized, evaluation),
        *_board_checks(gate, benchmark),
    ]
    return Verdict(tuple(checks), oks, test)


def _accuracy(evaluation: Manifest) -> tuple[float | None, EvaluatedOn | None]:
    known = evaluation.summary.get("accuracy_known", True)
    oks = evaluation.metrics.get("oks") if known else None
    return oks, EvaluatedOn(
        evaluation.inputs.get("test", ""),
        evaluation.config_hash,
        int(evaluation.summary.get("pictures", 0)),
    )


def _accuracy_checks(
    gate: Gate, oks: float | None, unquantized: float | None, evaluation: Manifest | None
) -> list[Check]:
    checks, missing = [], "not measured"
    if evaluation and not evaluation.summary.get("accuracy_known", True):
        missing = "calibrated on random data: its accuracy says nothing"
    if (least := gate.min_oks) is not None:
        found = missing if oks is None else f"{oks:.4f}"
        checks.append(Check("OKS", f"at least {least:g}", found, oks is not None and oks >= least))
    if (most := gate.max_oks_drop) is not None:
        drop = None if oks is None or unquantized is None else unquantized - oks
        found = missing if drop is None else f"{drop:.4f} ({unquantized:.4f} → {oks:.4f})"
        passed = drop is not None and drop <= most
        checks.append(Check("OKS lost by int8", f"at most {most:g}", found, passed))
    return checks


def _board_checks(gate: Gate, benchmark: Manifest | None) -> list[Check]:
    checks, missing = [], "not estimated"
    figures, summary = (benchmark.metrics, benchmark.summary) if benchmark else ({}, {})
    board = str(summary.get("board", "the board"))
    if gate.board_fit:
        fits = figures.get("fits")
        found = missing if fits is None else str(summary.get("verdict", fits))
        checks.append(Check("fit (estimate)", f"fits on {board}", found, fits == 1.0))
    if (most := gate.max_latency_ms) is not None:
        latency = figures.get(LATENCY_MS_ESTIMATE)
        found = missing if latency is None else f"{latency:,.1f} ms"
        passed = latency is not None and latency <= most
        asked = f"at most {most:g} ms on {board}"
        checks.append(Check("latency (estimate)", asked, found, passed))
    return checks


def page(verdict: Verdict, promotion: Promotion | None = None) -> str:
    """Return the decision as Markdown, for those who were not there."""
    lines = [f"# Gate: {'passed' if verdict.passed else 'not passed'}", ""]
    if verdict.checks:
        lines += ["| figure | asked | found | |", "|---|---|---|---|"]
        words = {True: "passed", False: "**failed**"}
        lines += [
            f"| {c.name} | {c.asked} | {_cell(c.found)} | {words[c.passed]} |"
            for c in verdict.checks
        ]
    else:
        lines.append("No limit is set: every model passes.")
    lines += ["", "## Registry", ""]
    if promotion is None:
        why = "nothing was asked to be registered" if verdict.passed else "the gate is not passed"
        lines.append(f"Not registered: {why}.")
    else:
        lines.append(f"{promotion.name}, version {promotion.version}: {promotion.why}.")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
