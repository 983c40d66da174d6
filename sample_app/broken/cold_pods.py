"""Ready before it is warm: in a pod's first minute every request waits for caches that are not filled yet."""

import time

from sample_app.broken.bare import bare

WARM_AFTER_SECONDS = 60.0
COLD_SECONDS, WARM_SECONDS = 1.2, 0.05

app = bare()
app.state.started = time.monotonic()


@app.get("/work")
def work() -> dict[str, str]:
    time.sleep(seconds_of_work(time.monotonic() - app.state.started))
    return {"result": "done"}


def seconds_of_work(age_seconds: float) -> float:
    """How long a request takes in a process of that age."""
    return COLD_SECONDS if age_seconds < WARM_AFTER_SECONDS else WARM_SECONDS
