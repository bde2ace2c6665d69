"""The boards of `benchmarking.board`.

Read from ST's product pages and user manuals as Zephyr's board pages, U-Boot's and Linux' device
trees and ST's own linker files repeat them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from poseline.boards.published import Core
from poseline.config.models.benchmarking import Board


@dataclass(frozen=True)
class BoardFacts:
    """What a board has.

    Attributes:
        name: Name of the board.
        part: Its microcontroller or processor.
        core: What runs a model with one scale a tensor.
        mhz: Its clock in MHz; for the STM32H747I-DISCO the one that ST publishes times at, its
            highest is 480.
        flash_kb: Internal flash in KB; 0 where there is none.
        ram_kb: Internal RAM in KB that a program can use.
        external_flash_kb: Flash on the board in KB.
        external_ram_kb: RAM on the board in KB.
        per_channel: What runs a model with one scale a channel, where that is another core.
    """

    name: Board
    part: str
    core: Core
    mhz: int
    flash_kb: int
    ram_kb: int
    external_flash_kb: int
    external_ram_kb: int
    per_channel: Core | None = None

    @property
    def is_processor(self) -> bool:
        """Whether it is an MPU that runs Linux from external memory."""
        return self.name.startswith("STM32MP")


_MB = 1024

BOARDS: tuple[BoardFacts, ...] = (
    BoardFacts(
        "STM32N6570-DK", "STM32N657X0", "Neural-ART NPU",
        1000, 0, 4200, 128 * _MB, 32 * _MB,
    ),
    BoardFacts(
        "STM32H747I-DISCO", "STM32H747XI", "Cortex-M7",
        400, 2 * _MB, 1024, 128 * _MB, 32 * _MB,
    ),
    BoardFacts(
        "STM32H7B3I-DK", "STM32H7B3LI", "Cortex-M7",
        280, 2 * _MB, 1312, 64 * _MB, 16 * _MB,
    ),
    BoardFacts(
        "STM32F469I-DISCO", "STM32F469NI", "Cortex-M4",
        180, 2 * _MB, 384, 16 * _MB, 16 * _MB,
    ),
    BoardFacts(
        "B-U585I-IOT02A", "STM32U585AI", "Cortex-M33",
        160, 2 * _MB, 786, 64 * _MB, 8 * _MB,
    ),
    BoardFacts(
        "STM32L4R9I-DISCO", "STM32L4R9AI", "Cortex-M4",
        120, 2 * _MB, 640, 64 * _MB, 2 * _MB,
    ),
    BoardFacts(
        "NUCLEO-H743ZI2", "STM32H743ZI", "Cortex-M7",
        480, 2 * _MB, 1024, 0, 0,
    ),
    BoardFacts(
        "STM32H735G-DK", "STM32H735IG", "Cortex-M7",
        550, 1 * _MB, 564, 64 * _MB, 16 * _MB,
    ),
    BoardFacts(
        "STM32F769I-DISCO", "STM32F769NI", "Cortex-M7",
        216, 2 * _MB, 532, 64 * _MB, 16 * _MB,
    ),
    BoardFacts(
        "NUCLEO-G474RE", "STM32G474RE", "Cortex-M4",
        170, 512, 128, 0, 0,
    ),
    BoardFacts(
        "NUCLEO-F401RE", "STM32F401RE", "Cortex-M4",
        84, 512, 96, 0, 0,
    ),
    BoardFacts(
        "STM32F746G-DISCO", "STM32F746NG", "Cortex-M7",
        216, 1 * _MB, 340, 16 * _MB, 8 * _MB,
    ),
    BoardFacts(
        "STM32MP257F-EV1", "STM32MP257F", "NPU (per-tensor weights)",
        800, 0, 0, 4096 * _MB, 4096 * _MB, "GPU (per-channel weights)",
    ),
    BoardFacts(
        "STM32MP157F-DK2", "STM32MP157F", "2 × Cortex-A7",
        800, 0, 0, 4096 * _MB, 512 * _MB,
    ),
    BoardFacts(
        "STM32MP135F-DK", "STM32MP135F", "Cortex-A7",
        1000, 0, 0, 4096 * _MB, 512 * _MB,
    ),
)  # fmt: skip


def board(name: Board) -> BoardFacts:
    """Return a board by its name."""
    return BOARDS[get_args(Board).index(name)]
