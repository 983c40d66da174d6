"""A `def` endpoint that waits for 300 ms: the 40 threads of a pod answer 133 requests a second, and no more."""

import time

from sample_app.broken.bare import bare

SECONDS = 0.3

app = bare()


@app.get("/work")
def work() -> dict[str, str]:
    time.sleep(SECONDS)
    return {"result": "done"}
