"""One candidate after the other: asked for, estimated, trained and measured."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poseline import store
from poseline.config.loading import load
from poseline.config.models.config import Config
from poseline.config.models.search import Search
from poseline.errors import ConfigError, PoselineError
from poseline.log import get_logger
from poseline.names import FLASH_KB, LATENCY_MS_ESTIMATE, RAM_KB
from poseline.runner.chain import Experiment, run_chain
from poseline.search import space
from poseline.search.budget import Budget
from poseline.search.study import FAILED, REFUSED, SURPLUS, Studies

if TYPE_CHECKING:
    import optuna

TRIALS = "trials"
PLACE = "poseline.place"
"""Attribute of a trial: URI of its run directory, where tasks on several machines search."""
_FIGURES = {"latency_ms": LATENCY_MS_ESTIMATE, "flash_kb": FLASH_KB, "ram_kb": RAM_KB}
_MOST_REFUSED, _MOST_FAILED = 100, 3
_log = get_logger(__name__)


class PrunedError(Exception):
    """A training is not worth going on with."""


@dataclass
class Worker:
    """Works at a search until it is over.

    Attributes:
        path: The config file.
        overrides: Of the command line.
        config: What they make.
        folder: Of the search.
        studies: Of the search.
        end: When no further trial is started, by `time.monotonic`; None: never.
        place: URI that the run directories of measured trials are put to; None: they stay here.
    """

    path: Path
    overrides: Sequence[str]
    config: Config
    folder: Path
    studies: Studies
    end: float | None = None
    place: str | None = None
    _budget: Budget = field(default_factory=Budget)

    @property
    def settings(self) -> Search:
        """The section `search`."""
        return space.settings_of(self.config)

    def work(self, left: Sequence[optuna.Trial] = ()) -> None:
        """Run trials.

        Args:
            left: Trials that an earlier process left, which come first.

        Raises:
            PoselineError: Several trials in a row failed, or none is within the limits.
        """
        for trial in left:
            self._run(trial)
        refused = failed = 0
        while not self._over():
            trial = self.studies.ask()
            if self.studies.counted(below=trial.number) >= self.settings.trials:
                trial.set_user_attr(SURPLUS, value=True)  # another worker asked for the last one
                self.studies.main.tell(trial, state=_state("FAIL"))
                return
            outcome = self._run(trial)
            refused = refused + 1 if outcome == REFUSED else 0
            failed = failed + 1 if isinstance(outcome, PoselineError) else 0
            if refused >= _MOST_REFUSED:
                _log.warning("no further candidate is within the limits", refused=refused)
                return
            if failed >= _MOST_FAILED and isinstance(outcome, PoselineError):
                raise outcome

    def configured(self, number: int, values: Mapping[str, Any], *, final: bool = False) -> Config:
        """Return the config of a trial; `final`: with what the best one gets besides."""
        left_out = [] if final else [f"~{n}" for n in ("gate", "export") if self._has(n)]
        run = [f"hydra.run.dir={self.folder / TRIALS / f'{number:04d}'}"]
        changes = [*self.overrides, *space.overriding(values), *left_out, *run]
        return load.load(self.path, changes, mode=space.MODE)

    def _has(self, section: str) -> bool:
        return getattr(self.config, section) is not None

    def _over(self) -> bool:
        self.studies.end_those_of_dead_workers()
        late = self.end is not None and time.monotonic() > self.end
        return late or self.studies.counted() >= self.settings.trials

    def _run(self, trial: optuna.Trial) -> str | PoselineError:
        values = space.suggest(trial, self.settings.space)
        try:
            config = self.configured(trial.number, values)
            reason = self._budget.refusal(config)
        except ConfigError as error:  # two values that do not go together
            reason = error.message
        if reason:
            return self._refuse(trial, values, reason)
        learner = self.studies.learner(trial)
        _log.info("trial", number=trial.number, values=space.words(values))
        gc.collect()  # models and graphs of the trial before, which refer to each other
        try:
            with self.studies.heartbeat(trial):
                experiment = run_chain(config, on_epoch=_judging(learner))
        except PrunedError:
            self._end(trial, learner, "PRUNED")
            _log.info("pruned", number=trial.number)
            return ""
        except PoselineError as error:
            trial.set_user_attr(FAILED, error.message)
            self._end(trial, learner, "FAIL")
            _log.warning("a trial failed", number=trial.number, reason=error.message)
            return error
        found = measured(experiment)
        self._keep(trial, experiment)
        self.studies.learning.tell(learner, found["oks"])
        self.studies.main.tell(trial, [found[name] for name in self.settings.objectives])
        _log.info("measured", number=trial.number, **{k: f"{v:,.3f}" for k, v in found.items()})
        return ""

    def _keep(self, trial: optuna.Trial, experiment: Experiment) -> None:
        """Put a trial where the end of the search finds it, before it counts as measured."""
        if self.place:
            uri = f"{self.place}/{trial.number:04d}"
            store.publish(experiment.folder, uri, progress=False)
            trial.set_user_attr(PLACE, uri)

    def _refuse(self, trial: optuna.Trial, values: Mapping[str, Any], reason: str) -> str:
        trial.set_user_attr(REFUSED, reason)
        self.studies.main.tell(trial, state=_state("PRUNED"))
        words = space.words(values)
        _log.info("refused before training", number=trial.number, values=words, reason=reason)
        return REFUSED

    def _end(self, trial: optuna.Trial, learner: optuna.Trial, state: str) -> None:
        self.studies.learning.tell(learner, state=_state(state))
        self.studies.main.tell(trial, state=_state(state))


def measured(experiment: Experiment) -> dict[str, float]:
    """Return the figures of a finished chain by the names of the objectives."""
    benchmark = experiment.results["benchmark"].metrics
    oks = [r.metrics["oks"] for r in experiment.results.values() if r.stage == "evaluate"][-1]
    return {"oks": oks} | {name: benchmark[key] for name, key in _FIGURES.items()}


def _judging(learner: optuna.Trial) -> Callable[[int, Mapping[str, float]], None]:
    """Return what is called with each epoch's figures, and ends a poor training."""
    known = learner.study.trials[learner.number].intermediate_values

    def judge(epoch: int, figures: Mapping[str, float]) -> None:
        oks = figures.get("val_oks")
        if oks is None or epoch in known:
            return
        learner.report(oks, epoch)
        if learner.should_prune():
            raise PrunedError

    return judge


def _state(name: str) -> Any:
    from optuna.trial import TrialState

    return TrialState[name]
