"""Nothing is broken: a `def` endpoint that waits for 50 ms, far from its 40 threads' 800 requests a second."""

import time

from sample_app.broken.bare import bare

SECONDS = 0.05

app = bare()


@app.get("/work")
def work() -> dict[str, str]:
    time.sleep(SECONDS)
    return {"result": "done"}
