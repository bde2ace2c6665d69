"""From a model that passed the gate to a version in the registry, and perhaps to its champion.

Two runs that end at once may both have beaten the same champion. So each first says on its version
that it claims that place, then takes it, then looks at all claims to the place on the same test set
and gives it to the best. Whoever looks last sees every claim, and all look for the same one.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from poseline.config.models.config import Config
from poseline.config.models.gate import model_name
from poseline.config.models.steps import Step
from poseline.errors import BackendError, PoselineError
from poseline.log import get_logger
from poseline.models.metadata import read_metadata
from poseline.names import TAG_CHAIN_ID
from poseline.runner.step import run_task
from poseline.stages.gate import EvaluatedOn, Promotion, Verdict
from poseline.stages.result import Inputs
from poseline.store.manifest import sha256_of
from poseline.tracking import StageRun, Tracker, registry
from poseline.tracking.registry import CHALLENGER, CHAMPION, Version

_log = get_logger(__name__)
_OKS, _CONTENT, _SETTINGS, _PICTURES = (
    f"poseline.{name}" for name in ("oks", "test_set", "evaluation", "pictures")
)
_CLAIM, _CLAIMED = "poseline.claims_place_of", "poseline.claimed_at"
_NOBODY = "nobody"
_ATTEMPTS, _SETTLE_S = 3, 0.5
_CLAIM_S = 600
"""After this a claim counts no more: somebody may have brought the old champion back."""


@dataclass(frozen=True)
class Promoter:
    """Registers a model that passed the gate, as `gate.Promote`.

    Attributes:
        config: The gate slice or the whole config.
        tracker: Of the chain; says where MLflow is.
        run: The gate's run, which the registered model is logged in.
        part: The part of the test set that was evaluated, as `evaluate` takes it.
    """

    config: Config
    tracker: Tracker
    run: StageRun
    part: str | None = None

    def __call__(self, verdict: Verdict, inputs: Inputs) -> Promotion:
        """Register the model; make it the champion where it is better.

        A repetition registers nothing twice.

        Args:
            verdict: A passed one.
            inputs: `model`; `test` where one was evaluated.

        Raises:
            BackendError: MLflow cannot be reached; do it again later.
        """
        assert self.config.gate  # noqa: S101  the verdict comes from it
        name = model_name(self.config.gate, self.config.general.project_name)
        uri, model = self.tracker.address.uri, inputs["model"]
        self.run.model(model, final=False)  # the quantization may have come from a cache
        tags = {TAG_CHAIN_ID: self.tracker.address.chain_id} | _figures(verdict)
        logged = self.tracker.logged_model(self.run)
        version = registry.register(uri, logged, name, sha256_of(model), tags)
        registry.promote(uri, version, CHALLENGER)
        for _ in range(_ATTEMPTS):
            champion = registry.by_alias(uri, name)
            found = self._compared(version, champion, verdict, inputs)
            if not found.promoted or (champion and champion.version == version.version):
                return found
            if self._take(version, champion, verdict):
                return found
            _log.info("the champion changed in the meantime; comparing again", model=name)
        return replace(found, promoted=False, why="challenger; the champion changed all the time")

    def _compared(
        self, version: Version, champion: Version | None, verdict: Verdict, inputs: Inputs
    ) -> Promotion:
        """Compare a version with the champion, on the same test set."""

        def promotion(why: str, *, promoted: bool, oks: float | None = None) -> Promotion:
            rival = champion.version if champion else None
            return Promotion(version.name, version.version, promoted, why, rival, oks)

        if champion and champion.version == version.version:
            return promotion("is the champion already", promoted=True)
        if verdict.oks is None or verdict.test is None:
            return promotion("challenger; nothing to compare it by was measured", promoted=False)
        if champion is None:
            return promotion("champion, for there was none", promoted=True)
        try:
            known = _recorded(champion, verdict.test)
            theirs = self._measured(champion, inputs) if known is None else known
        except BackendError:
            raise
        except PoselineError as error:
            reason = str(error).splitlines()[0]
            return promotion(
                f"challenger; champion {champion.version} cannot be evaluated: {reason}",
                promoted=False,
            )
        how = "recorded" if known is not None else "evaluated anew on this test set"
        mine, better = verdict.oks, verdict.oks > theirs
        figures = f"OKS {mine:.4f} against {theirs:.4f} of version {champion.version} ({how})"
        why = f"champion, {figures}" if better else f"challenger, {figures} is not better"
        return promotion(why, promoted=better, oks=theirs)

    def _measured(self, champion: Version, inputs: Inputs) -> float:
        """Evaluate the champion on this test set, fed as it was trained."""
        _log.info("evaluating the champion again", version=champion.uri)
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            model = registry.download(self.tracker.address.uri, champion, work)
            result = run_task(
                Step("evaluate-champion", "evaluate"),
                _fed_as_trained(self.config, model),
                {"model": model, "test": inputs["test"]},
                work / "evaluation",
                part=self.part,
            )
        return result.metrics["oks"]

    def _take(self, version: Version, champion: Version | None, verdict: Verdict) -> bool:
        """Take the champion's place; return whether it was still that champion's."""
        uri, place = self.tracker.address.uri, champion.version if champion else _NOBODY
        registry.tag(uri, version, {_CLAIM: place, _CLAIMED: str(int(time.time()))})
        now = registry.by_alias(uri, version.name)
        if (now.version if now else _NOBODY) != place:
            return False
        registry.promote(uri, version, CHAMPION)
        time.sleep(_SETTLE_S)
        claims = [
            rival
            for rival in registry.versions(uri, version.name)
            if rival.tags.get(_CLAIM) == place
            and _recorded(rival, verdict.test) is not None
            and abs(time.time() - int(rival.tags[_CLAIMED])) < _CLAIM_S
        ]
        best = max(claims, key=lambda rival: (float(rival.tags[_OKS]), -int(rival.version)))
        now = registry.by_alias(uri, version.name)
        if now in claims and now != best:
            registry.promote(uri, best, CHAMPION)
        return best.version == version.version


def _figures(verdict: Verdict) -> dict[str, str]:
    if verdict.oks is None or verdict.test is None:
        return {}
    test = verdict.test
    return {
        _OKS: repr(verdict.oks),
        _CONTENT: test.content,
        _SETTINGS: test.settings,
        _PICTURES: str(test.pictures),
    }


def _recorded(version: Version, test: EvaluatedOn | None) -> float | None:
    """Return a version's OKS where it was measured on this very test set."""
    if test is None:
        return None
    wanted = {_CONTENT: test.content, _SETTINGS: test.settings, _PICTURES: str(test.pictures)}
    if any(version.tags.get(name) != value for name, value in wanted.items()):
        return None
    return float(version.tags[_OKS]) if _OKS in version.tags else None


def _fed_as_trained(config: Config, model: Path) -> Config:
    """Return the config with the preprocessing that a model's sidecar names."""
    known = read_metadata(model)
    if known is None:
        return config
    data = config.model_dump(mode="json")
    data["preprocessing"] = {
        "rescaling": {"scale": known.scale, "offset": known.offset},
        "resizing": {"interpolation": known.interpolation, "aspect_ratio": known.aspect_ratio},
        "color_mode": known.color_mode,
    }
    data["general"]["model_type"] = known.model_type
    return Config.model_validate(data)
