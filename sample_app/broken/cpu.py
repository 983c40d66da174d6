"""A `def` endpoint that computes for 20 ms: Python does one at a time, however many threads there are."""

from sample_app.broken.bare import bare
from sample_app.computing import compute

CPU_SECONDS = 0.02

app = bare()


@app.get("/work")
def work() -> dict[str, str]:
    compute(CPU_SECONDS)
    return {"result": "done"}
