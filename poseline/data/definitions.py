"""Which keypoints a set, a model or a config has, and whether they are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from poseline.config.models.keypoints import KeypointDefinition
from poseline.data.keypoints import (
    DEFAULT_SIGMA,
    KNOWN,
    KeypointSet,
    canonical,
    default_sigmas,
    pairs_by_name,
)
from poseline.errors import DataError
from poseline.log import get_logger

_log = get_logger(__name__)


def defined(keypoints: int | KeypointDefinition) -> KeypointSet:
    """Return the set that `dataset.keypoints` stands for; what it leaves open is said in the log.

    Args:
        keypoints: The number of a known set, or a definition.
    """
    if not isinstance(keypoints, KeypointDefinition):
        return KNOWN[keypoints]
    names = keypoints.names
    places = {name: place for place, name in enumerate(names)}

    def by_place(pairs: Sequence[tuple[str, str]]) -> tuple[tuple[int, int], ...]:
        return tuple((places[a], places[b]) for a, b in pairs)

    if not keypoints.sigmas:
        sigmas = default_sigmas(names)
        if DEFAULT_SIGMA in sigmas:
            of = "all keypoints" if set(sigmas) == {DEFAULT_SIGMA} else "some keypoints"
            _log.info("no OKS constants given, the default is used", sigma=DEFAULT_SIGMA, of=of)
    else:
        sigmas = keypoints.sigmas * (len(names) if len(keypoints.sigmas) == 1 else 1)
    return KeypointSet(
        names=names,
        skeleton=by_place(keypoints.skeleton),
        sigmas=sigmas,
        pairs=pairs_by_name(names) if keypoints.pairs is None else by_place(keypoints.pairs),
        colours=keypoints.colours,
    )


def unnamed(count: int, pairs: Sequence[tuple[int, int]] | None = None) -> KeypointSet:
    """Return a set of which only the number of keypoints is known, and perhaps the partners.

    13, 17, 21 and 133 are taken for the known sets, unless other keypoints are partners there.
    """
    known = KNOWN.get(count)
    if known and (pairs is None or {frozenset(p) for p in pairs} == {*map(frozenset, known.pairs)}):
        return replace(known, named=False)
    return KeypointSet(
        names=_numbered(count),
        skeleton=(),
        sigmas=(DEFAULT_SIGMA,) * count,
        pairs=tuple(pairs or ()),
        named=False,
    )


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"keypoint_{number}" for number in range(1, count + 1))


def with_defaults(
    names: Sequence[str],
    skeleton: Sequence[tuple[int, int]],
    sigmas: Sequence[float] = (),
    pairs: Sequence[tuple[int, int]] | None = None,
    colours: Sequence[str] = (),
) -> KeypointSet:
    """Return a set of what was kept of one; what is empty gets its default."""
    return KeypointSet(
        names=tuple(names),
        skeleton=tuple(skeleton),
        sigmas=tuple(sigmas) or default_sigmas(names),
        pairs=pairs_by_name(names) if pairs is None else tuple(pairs),
        colours=tuple(colours),
        named=tuple(names) != _numbered(len(names)),
    )


def of_names(names: Sequence[str]) -> KeypointSet | None:
    """Return the known set that has these names, in whatever order and spelling; None: another."""
    known = KNOWN.get(len(names))
    wanted = {canonical(name) for name in names}
    return known if known and wanted == {canonical(name) for name in known.names} else None


def agreed(
    config: int | KeypointDefinition | None,
    *,
    set_: KeypointSet | None = None,
    model: KeypointSet | None = None,
) -> KeypointSet:
    """Return the keypoints of a run: the config's, else those that the set or the model has.

    Args:
        config: `dataset.keypoints`.
        set_: Those of the set that is read; None: there is no set, or it does not say.
        model: Those of the model; None: there is no model, or it does not say.

    Raises:
        DataError: They differ, or nobody says which they are.
    """
    given = {
        "dataset.keypoints": None if config is None else defined(config),
        "the model": model,
        "the set": set_,
    }
    known = {place: points for place, points in given.items() if points}
    if not known:
        raise DataError(
            "nothing says which keypoints there are",
            "set dataset.keypoints: 13, 17, 21, 133, or a section with the `names`",
        )
    # Names are worth more than a mere number.
    chosen = next((points for points in known.values() if points.named), None)
    chosen = chosen or next(iter(known.values()))
    different = {place: points for place, points in known.items() if not points.fits(chosen)}
    if different:
        told = "\n".join(f"  {place}: {points}" for place, points in known.items())
        raise DataError(
            f"the keypoints differ:\n{told}",
            "use a set and a model of the same keypoints; leave dataset.keypoints out to take "
            "those of the set or the model",
        )
    return chosen
