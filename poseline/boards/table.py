"""The boards of `benchmarking.board`.

The figures are to be checked against the data sheets of the chips before anything rests on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from poseline.config.deployment import Board


@dataclass(frozen=True)
class BoardFacts:
    """What a board has.

    Attributes:
        name: Name of the board.
        part: Its microcontroller or processor.
        core: The core that runs a model.
        mhz: Its clock in MHz.
        flash_kb: Internal flash in KB; 0 where there is none.
        ram_kb: Internal RAM in KB that a program can use.
        external_flash_kb: Flash on the board in KB.
        external_ram_kb: RAM on the board in KB.
        macc_per_cycle: int8 multiply-accumulates of a cycle that a network reaches. No data
            sheet: a rating of the core's instruction set (SMLAD, MVE, NEON, NPU), right within a
            factor of two.
    """

    name: Board
    part: str
    core: str
    mhz: int
    flash_kb: int
    ram_kb: int
    external_flash_kb: int
    external_ram_kb: int
    macc_per_cycle: float

    @property
    def is_processor(self) -> bool:
        """Whether it is an MPU that runs Linux from external memory."""
        return self.name.startswith("STM32MP")


_MB = 1024
_M4, _M33, _M7, _A7, _A35, _NPU = 0.25, 0.3, 0.45, 1.0, 3.0, 40.0

BOARDS: tuple[BoardFacts, ...] = (
    BoardFacts(
        "STM32N6570-DK", "STM32N657X0", "Neural-ART NPU",
        1000, 0, 4200, 128 * _MB, 32 * _MB, _NPU,
    ),
    BoardFacts(
        "STM32H747I-DISCO", "STM32H747XI", "Cortex-M7",
        400, 2 * _MB, 1024, 128 * _MB, 32 * _MB, _M7,
    ),
    BoardFacts(
        "STM32H7B3I-DK", "STM32H7B3LI", "Cortex-M7",
        280, 2 * _MB, 1184, 64 * _MB, 16 * _MB, _M7,
    ),
    BoardFacts(
        "STM32F469I-DISCO", "STM32F469NI", "Cortex-M4",
        180, 2 * _MB, 384, 16 * _MB, 16 * _MB, _M4,
    ),
    BoardFacts(
        "B-U585I-IOT02A", "STM32U585AI", "Cortex-M33",
        160, 2 * _MB, 786, 64 * _MB, 8 * _MB, _M33,
    ),
    BoardFacts(
        "STM32L4R9I-DISCO", "STM32L4R9AI", "Cortex-M4",
        120, 2 * _MB, 640, 64 * _MB, 2 * _MB, _M4,
    ),
    BoardFacts(
        "NUCLEO-H743ZI2", "STM32H743ZI", "Cortex-M7",
        480, 2 * _MB, 1024, 0, 0, _M7,
    ),
    BoardFacts(
        "STM32H735G-DK", "STM32H735IG", "Cortex-M7",
        550, 1 * _MB, 564, 64 * _MB, 16 * _MB, _M7,
    ),
    BoardFacts(
        "STM32F769I-DISCO", "STM32F769NI", "Cortex-M7",
        216, 2 * _MB, 532, 64 * _MB, 16 * _MB, _M7,
    ),
    BoardFacts(
        "NUCLEO-G474RE", "STM32G474RE", "Cortex-M4",
        170, 512, 128, 0, 0, _M4,
    ),
    BoardFacts(
        "NUCLEO-F401RE", "STM32F401RE", "Cortex-M4",
        84, 512, 96, 0, 0, _M4,
    ),
    BoardFacts(
        "STM32F746G-DISCO", "STM32F746NG", "Cortex-M7",
        216, 1 * _MB, 340, 16 * _MB, 8 * _MB, _M7,
    ),
    BoardFacts(
        "STM32MP257F-EV1", "STM32MP257F", "Cortex-A35",
        1500, 0, 0, 4096 * _MB, 4096 * _MB, _A35,
    ),
    BoardFacts(
        "STM32MP157F-DK2", "STM32MP157F", "Cortex-A7",
        800, 0, 0, 4096 * _MB, 512 * _MB, _A7,
    ),
    BoardFacts(
        "STM32MP135F-DK", "STM32MP135F", "Cortex-A7",
        1000, 0, 0, 4096 * _MB, 512 * _MB, _A7,
    ),
)  # fmt: skip


def board(name: Board) -> BoardFacts:
    """Return a board by its name."""
    return BOARDS[get_args(Board).index(name)]
