"""How far the estimate of the latency is from published times, model by model."""

from poseline.boards.calibration import calibration
from poseline.boards.published import MEASUREMENTS

for core in dict.fromkeys(m.core for m in MEASUREMENTS):
    found = calibration(core)
    costs = ", ".join(f"{each:.3g} cycles/{term}" for term, each in found.cycles.items())
    print(f"{core}: {costs}; within a factor of {found.error:.2f} of a model left out")
    for m in (m for m in MEASUREMENTS if m.core == core):
        ratio = found.estimate(m.work) / m.cycles
        print(f"  {m.model:<36} {m.cycles / 1e6:8.2f} Mcycles published, estimate × {ratio:.2f}")
