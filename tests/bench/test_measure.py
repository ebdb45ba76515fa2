"""What the bench reads from the system: lines of /proc, and the CPU of a process with its children."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench import measure
from bench.measure import Stat, descendants, kilobytes, stat

LINE = "4242 (a (b) c) S 17 4242 4242 0 -1 4194304 1 2 3 4 55 66 300 150 20 0 5 0 100 1000 200 18446744073709551615 0"


def test_a_line_of_stat_with_brackets_in_its_name() -> None:
    assert stat(LINE) == Stat(17, 450 / measure.TICK)


def test_fields_of_status() -> None:
    text = "Name:\tnginx\nVmHWM:\t   83968 kB\nVmRSS:\t   1024 kB\n"
    assert kilobytes(text, "VmHWM") == 83968
    assert kilobytes(text, "VmRSS") == 1024
    assert kilobytes("Name:\tkthreadd\n", "VmHWM") == 0


def test_descendants_are_found_at_any_depth() -> None:
    known = {1: Stat(0, 0), 5: Stat(1, 0), 6: Stat(5, 0), 7: Stat(6, 0), 8: Stat(1, 0)}
    assert sorted(descendants(5, known)) == [5, 6, 7]


WORK = "import time\nwhile time.process_time() < 0.3: pass\n"
PARENT = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {WORK!r}])\nprint('done', flush=True)\ninput()"


def test_the_cpu_of_a_child_that_ended_counts() -> None:
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "done\n"
        spent = measure.cpu_seconds(parent.pid)
        resident = measure.resident_mb(parent.pid)
        parent.communicate("\n")
    assert spent >= 0.29
    assert resident > 1


def test_the_peak_is_forgotten_and_found_again() -> None:
    code = "input(); kept = b'x' * (64 << 20); del kept; print('grown', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.stdout.readline() == "grown\n"
        high = measure.peak_mb(child.pid)
        measure.forget_peak(child.pid)
        low = measure.peak_mb(child.pid)
        child.communicate("\n")
    assert high - low == pytest.approx(64, abs=8)
