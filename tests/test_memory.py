"""Memory of all processes together, in units of a million bytes."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest

from mapping_spark.memory import PeakMemory, resident_mb

HOLD = "held = b'x' * 80_000_000; print('held', flush=True); input()"


def test_it_is_the_sum_of_this_process_and_those_below_it() -> None:
    alone = resident_mb()
    seen = [one.memory_full_info() for one in (psutil.Process(), *psutil.Process().children(recursive=True))]
    assert sum(one.uss for one in seen) / 1e6 * 0.98 <= alone <= sum(one.rss for one in seen) / 1e6 * 1.02
    with subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert resident_mb() - alone >= 80
        child.communicate("\n")
    assert resident_mb() - alone < 80


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which pages are shared")
def test_what_forked_workers_share_counts_once() -> None:
    held = b"x" * 80_000_000
    alone, (reads, writes), children = resident_mb(), os.pipe(), []
    for _ in range(2):
        child = os.fork()
        if not child:
            os.read(reads, 1)  # until the parent has looked
            os._exit(0)
        children.append(child)
    assert resident_mb() - alone < len(held) // 1_000_000
    os.write(writes, b"xx")
    for child in children:
        os.waitpid(child, 0)


def test_the_peak_is_what_was_held_for_a_while_even_if_it_is_given_back() -> None:
    with PeakMemory() as nothing:
        pass
    assert nothing.peak_mb > 0  # however short the work is
    with PeakMemory() as memory:
        held = b"x" * 100_000_000
        time.sleep(1.1)  # two samples
        del held
        before = memory.peak_mb
    assert memory.peak_mb >= before >= nothing.peak_mb + 90


def test_a_fault_in_the_work_goes_on_and_the_watch_ends() -> None:
    with pytest.raises(ZeroDivisionError), PeakMemory() as memory:
        raise ZeroDivisionError
    ended = memory.peak_mb
    held = b"x" * 50_000_000
    time.sleep(0.7)
    assert memory.peak_mb == ended
    del held
