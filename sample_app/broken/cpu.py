"""A `def` endpoint that computes for 20 ms: Python does one at a time, however many threads there are."""

import time

from sample_app.broken.bare import bare

CPU_SECONDS = 0.02

app = bare()


@app.get("/work")
def work() -> dict[str, str]:
    """By the thread's own clock, so that it is as much on every machine."""
    until = time.thread_time() + CPU_SECONDS
    while time.thread_time() < until:
        pass
    return {"result": "done"}
