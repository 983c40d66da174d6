"""CPU time of any thread of this process, by the kernel's id of the thread.

Not through Python's `pthread_getcpuclockid`, which may crash the process when the thread has ended meanwhile: the
kernel refuses the id of a thread that is gone. Nor through /proc, whose state of a thread is "sleeping" for all that
wait for the interpreter, as every thread of Python does while another looks at it, and whose CPU time has steps of
10 ms.
"""

from __future__ import annotations

import sys
import time

_THREAD_CPU_CLOCK = 6  # CPUCLOCK_PERTHREAD | CPUCLOCK_SCHED of Linux, beside the id in the clock's number


def cpu_seconds(native_id: int | None) -> float | None:
    """None where the platform does not tell, and for a thread that has ended."""
    if native_id is None or sys.platform != "linux":
        return None
    try:
        return time.clock_gettime((~native_id << 3) | _THREAD_CPU_CLOCK)
    except (OSError, OverflowError):
        return None
