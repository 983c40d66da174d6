"""Quick answers, of which every twentieth is a 500: a bug that some requests run into."""

import asyncio
from itertools import count

from sample_app.broken.bare import bare

SECONDS = 0.02
ONE_IN = 20

app = bare()
app.state.requests = count(1)


@app.get("/work")
async def work() -> dict[str, str]:
    await asyncio.sleep(SECONDS)
    meet_the_bug(next(app.state.requests))
    return {"result": "done"}


class ABug(Exception):
    """What nobody catches."""


def meet_the_bug(request: int) -> None:
    """Raises ABug for every twentieth request."""
    if request % ONE_IN == 0:
        raise ABug(f"request {request}")
