"""The slow service that `external_api` waits for: not broken in itself, but slow, and at any load."""

import asyncio

from sample_app.broken.bare import bare

SECONDS = 0.8

app = bare()


@app.get("/work")
async def work() -> dict[str, str]:
    await asyncio.sleep(SECONDS)
    return {"result": "done"}
