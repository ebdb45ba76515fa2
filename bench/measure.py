"""What a process and its children cost, from /proc and the kernel's own clocks.

CPU is read from each process's CPU clock: user and system time of all its threads, those that have ended too, in
nanoseconds. `/proc/PID/stat` holds the same sum rounded to ticks of 10 ms, too coarse for what nginx spends on a
thousand small answers; `/proc/PID/task/*/schedstat` forgets threads that ended. Children that ended were added to
their parent's account in `/proc/PID/stat`, and are taken from there.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Stat:
    """Of a process: its parent, and the CPU seconds of its children that have ended."""

    parent: int
    reaped: float


def stat(text: str) -> Stat:
    """A line of `/proc/PID/stat`; the command's name in it may hold spaces and brackets."""
    fields = text.rpartition(")")[2].split()
    return Stat(int(fields[1]), (int(fields[13]) + int(fields[14])) / TICK)


def kilobytes(status: str, name: str) -> int:
    """A field of `/proc/PID/status`; 0 for a process without memory of its own."""
    value = status.partition(f"\n{name}:")[2].split()
    return int(value[0]) if value else 0


def clock(pid: int) -> int:
    """The id of a process's CPU clock, as `clock_getcpuclockid(3)` makes it."""
    return (~pid << 3) | 2


def stats() -> dict[int, Stat]:
    found = {}
    for folder in PROC.iterdir():
        if folder.name.isdecimal():
            try:
                found[int(folder.name)] = stat((folder / "stat").read_text())
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def descendants(root: int, known: dict[int, Stat]) -> list[int]:
    """A process and all below it."""
    tree = [root]
    for pid in tree:
        tree += [child for child, one in known.items() if one.parent == pid]
    return tree


def cpu_seconds(root: int) -> float:
    """User and system time so far of a process, its children and theirs, whether they live or have ended."""
    known = stats()
    return sum(time.clock_gettime(clock(pid)) + known[pid].reaped for pid in descendants(root, known))


def _memory(root: int, name: str) -> float:
    tree = descendants(root, stats())
    return sum(kilobytes((PROC / str(pid) / "status").read_text(), name) for pid in tree) / 1024


def resident_mb(root: int) -> float:
    return _memory(root, "VmRSS")


def peak_mb(root: int) -> float:
    """The most memory that was resident since `forget_peak`; of several processes the sum of each one's most."""
    return _memory(root, "VmHWM")


def forget_peak(root: int) -> None:
    for pid in descendants(root, stats()):
        (PROC / str(pid) / "clear_refs").write_text("5")
