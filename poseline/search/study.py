"""Optuna's studies of a search: the candidates, and how those that are trained come along.

A study of several objectives takes no intermediate values, so that pruning has a study of its own
with one objective, `val_oks`, in the same storage: each trial of the one has a trial in the other.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from poseline.config.models.search import Search
from poseline.errors import BackendError, StoreError
from poseline.masking import mask
from poseline.names import SEARCH_STORAGE
from poseline.retry import retrying

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

JOURNAL = "search.journal"
REFUSED, FAILED, SURPLUS = "refused", "failed", "surplus"
SPACE, LEARNING = "poseline.space", "poseline.learning"
_HEARTBEAT_S = 60
_ATTEMPTS = 5
T = TypeVar("T")


class Studies:
    """Both studies of a search.

    Args:
        settings: Of the search.
        name: Of the study.
        folder: Where the journal is, if no storage is named.
        worker: Number of the worker, from 0: with a seed, each asks for candidates of its own.

    Raises:
        BackendError: Optuna is not installed, or the storage cannot be opened.
        StoreError: Another search is stored there under this name.
    """

    def __init__(self, settings: Search, name: str, folder: Path, worker: int = 0) -> None:
        library = _optuna()
        self._settings = settings
        self.shared = bool(_url(settings))
        """Whether the storage may have other workers than those of this command."""
        self.main: optuna.Study
        self.learning: optuna.Study
        storage = _storage(settings, folder)
        sought = ["maximize" if one == "oks" else "minimize" for one in settings.objectives]
        create = partial(library.create_study, storage=storage, load_if_exists=True)
        try:
            sampler = _sampler(settings, worker)
            self.main = create(study_name=name, directions=sought, sampler=sampler)
            self.learning = create(
                study_name=f"{name}: val_oks",
                direction="maximize",
                sampler=library.samplers.RandomSampler(),
                pruner=_pruner(settings),
            )
        except Exception as error:  # SQLAlchemy's, Optuna's, OSError
            raise BackendError(
                f"the storage of the search cannot be opened: {mask(str(error))[:300]}",
                "check search.storage, and search.objectives of an earlier search",
            ) from None
        self._claim(name)

    def offer(self, values: dict[str, Any]) -> None:
        """Let a candidate be the first that is asked for; where there are others, it is none."""
        if not self.main.trials:
            self.main.enqueue_trial(values)

    def ask(self) -> optuna.Trial:
        """Return a new trial."""
        return self.main.ask()

    def end_those_of_dead_workers(self) -> None:
        """Let trials whose worker has died count no more, where the storage can tell."""
        from optuna.storages import fail_stale_trials

        fail_stale_trials(self.main)

    def heartbeat(self, trial: optuna.Trial) -> AbstractContextManager[Any]:
        """Tell other workers that a trial is being worked at, as long as the block runs."""
        from optuna.storages._heartbeat import get_heartbeat_thread

        thread: Any = get_heartbeat_thread(trial._trial_id, self.main._storage)
        return cast("AbstractContextManager[Any]", thread)

    def learner(self, trial: optuna.Trial) -> optuna.Trial:
        """Return the trial in the other study, made where there is none yet."""
        known = trial.user_attrs.get(LEARNING)
        for one in self.learning.trials if known is not None else ():
            if one.number == known and not one.state.is_finished():
                return _taken_up(self.learning, one)
        made = self.learning.ask()
        trial.set_user_attr(LEARNING, made.number)
        return made

    def unfinished(self) -> Iterator[optuna.Trial]:
        """Yield the trials that an earlier process left."""
        for one in self.main.trials:
            if one.state.name == "RUNNING" and one.params:
                yield _taken_up(self.main, one)
            elif one.state.name == "RUNNING":
                self.main.tell(one.number, state=one.state.FAIL)

    def counted(self, below: int | None = None) -> int:
        """Return how many trials are trained or were; of those before a number."""
        return sum(
            one.state.name in ("COMPLETE", "RUNNING", "PRUNED")
            and REFUSED not in one.user_attrs
            and (below is None or one.number < below)
            for one in self.main.trials
        )

    def _claim(self, name: str) -> None:
        settings = self._settings.model_dump(mode="json", include={"space", "objectives"})
        own = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
        stored = self.main.user_attrs.get(SPACE)
        if stored not in (None, own):
            raise StoreError(
                f"a search of another space or other objectives is stored as {name!r}",
                "choose another hydra.run.dir, or search.name",
            )
        if stored is None:
            self.main.set_user_attr(SPACE, own)


def _taken_up(study: optuna.Study, trial: FrozenTrial) -> optuna.Trial:
    from optuna.trial import Trial

    return Trial(study, trial._trial_id)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise BackendError("Optuna is not installed", "install poseline[search]") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Trials have one here, too: `Studies.heartbeat`.
    warnings.filterwarnings("ignore", "Heartbeat of storage is supposed", UserWarning)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna


@retrying(Exception, attempts=_ATTEMPTS)  # SQLAlchemy's and the driver's
def _open(kind: Callable[..., T], url: str) -> T:
    """Open a database; fails where several workers make the tables of a new one at once.

    Between two questions a worker trains for minutes: no connection is held open meanwhile, for a
    server or a proxy to drop.
    """
    from sqlalchemy.pool import NullPool

    return kind(url, heartbeat_interval=_HEARTBEAT_S, engine_kwargs={"poolclass": NullPool})


def _url(settings: Search) -> str | None:
    return settings.storage or os.environ.get(SEARCH_STORAGE)


def _storage(settings: Search, folder: Path) -> Any:
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    url = _url(settings)
    if not url:
        return JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
    try:
        return _open(RDBStorage, url)
    except Exception as error:  # SQLAlchemy's, ImportError of a driver
        raise BackendError(
            f"search.storage cannot be opened: {mask(str(error))[:300]}",
            "check that the database answers, and its URL, which is as SQLAlchemy has it; the "
            "driver of postgresql:// comes with poseline[postgres]",
        ) from None


def _sampler(settings: Search, worker: int) -> Any:
    from optuna import samplers

    seed = None if settings.seed is None else (settings.seed + worker) % 2**32
    match settings.sampler:
        case "nsga2":
            return samplers.NSGAIISampler(seed=seed)
        case "random":
            return samplers.RandomSampler(seed=seed)
        case "tpe":
            startup = max(5, min(10, settings.trials // 3))
            return samplers.TPESampler(seed=seed, n_startup_trials=startup)


def _pruner(settings: Search) -> Any:
    from optuna import pruners

    match settings.pruner:
        case "median":
            return pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=2)
        case "hyperband":
            return pruners.HyperbandPruner()
        case "none":
            return pruners.NopPruner()
