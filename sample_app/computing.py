"""Work for a core."""

import time


def compute(cpu_seconds: float) -> None:
    """Takes that much CPU time, counted by the thread's own clock: a busy or a quick machine makes it no cheaper."""
    until = time.thread_time() + cpu_seconds
    while time.thread_time() < until:
        pass
