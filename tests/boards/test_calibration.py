import numpy as np
import pytest

from poseline.boards.calibration import calibration
from poseline.boards.published import MEASUREMENTS, Measurement, Work
from poseline.boards.table import BOARDS, board

CORES = sorted({m.core for m in MEASUREMENTS})
# As the documentation states them: the largest factor of a model that the fit did not see.
STATED = {
    "Cortex-M4": 1.11,
    "Cortex-M33": 1.68,
    "Cortex-M7": 1.11,
    "Cortex-A7": 1.50,
    "2 × Cortex-A7": 1.72,
    "Neural-ART NPU": 1.39,
    "GPU (per-channel weights)": 1.54,
    "NPU (per-tensor weights)": 1.27,
}


@pytest.mark.parametrize("core", CORES)
def test_the_stated_error_is_what_the_publications_give(core):
    found = calibration(core)
    known = [m for m in MEASUREMENTS if m.core == core]
    ratios = [found.estimate(m.work) / m.cycles for m in known]
    assert max(*ratios, 1 / min(ratios)) <= found.error
    assert found.points == len(known) >= 3
    assert STATED[core] - 0.011 <= found.error <= STATED[core]


@pytest.mark.parametrize("core", CORES)
def test_costs_are_positive_and_balanced(core):
    found = calibration(core)
    assert min(found.cycles.values()) >= 0
    known = [m for m in MEASUREMENTS if m.core == core]
    ratios = [found.estimate(m.work) / m.cycles for m in known]
    assert max(ratios) * min(ratios) == pytest.approx(1, rel=1e-6)


def test_the_fit_finds_a_law_that_holds(monkeypatch):
    random = np.random.default_rng(0)
    works = [Work(*map(int, random.integers(1e5, 1e8, 3))) for _ in range(6)]
    points = tuple(
        Measurement("Cortex-M7", f"m{i}", w, 1.5 * w.macc + 20 * w.elements)
        for i, w in enumerate(works)
    )
    monkeypatch.setattr("poseline.boards.calibration.MEASUREMENTS", points)
    found = calibration.__wrapped__("Cortex-M7")
    assert found.cycles == pytest.approx({"macc": 1.5, "elements": 20})
    assert found.error == pytest.approx(1)


def test_a_sibling_of_another_clock_takes_the_same_cycles():
    """ST FdMobileNet v1, int8, 224 and 128: STM32H747I-DISCO at 400 MHz, STM32F769I-DISCO."""
    fast, slow = board("STM32H747I-DISCO"), board("STM32F769I-DISCO")
    assert fast.core == slow.core
    for published in ((102.0, 176.5), (32.14, 59.29)):
        assert published[1] / published[0] == pytest.approx(fast.mhz / slow.mhz, rel=0.07)


def test_every_board_has_a_core_that_was_measured():
    assert {facts.core for facts in BOARDS} <= set(CORES)
    assert len({facts.name for facts in BOARDS}) == len(BOARDS) == 15


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize(
    ("name", "build"),
    [
        (
            "mobilenet_v1 0.25 96, 2 classes",
            lambda k: k.applications.MobileNet((96, 96, 3), 0.25, weights=None, classes=2),
        ),
        (
            "mobilenet_v2 0.35 128, 5 classes",
            lambda k: k.applications.MobileNetV2((128, 128, 3), 0.35, weights=None, classes=5),
        ),
        ("st_movenet_lightning_heatmaps 192", None),
    ],
)
def test_the_work_is_what_the_architecture_asks_for(name, build):
    import keras

    from poseline.boards.graph import read_graph
    from poseline.config.models.training import Model
    from poseline.models import movenet
    from poseline.quantization.keras_conversion import float_tflite

    # The vendor measured its own file, whose maps end in a sigmoid.
    settings = Model(
        alpha=1.0,
        input_shape=(192, 192, 3),
        final_activation="sigmoid",
        pretrained_weights=None,
    )
    model = build(keras) if build else movenet.build(settings, 17)
    graph = read_graph(float_tflite(model))
    (work,) = {m.work for m in MEASUREMENTS if m.model == name}
    assert (graph.macc, graph.elements) == (work.macc, work.elements)
    assert graph.weight_bytes // 4 == work.weights
