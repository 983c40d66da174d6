"""A blocking call in `async def`: the pod answers one request at a time, five a second, and no probe meanwhile."""

import time

from sample_app.broken.bare import bare

SECONDS = 0.2

app = bare()


@app.get("/work")
async def work() -> dict[str, str]:
    time.sleep(SECONDS)  # noqa: ASYNC251 - what is broken here
    return {"result": "done"}
