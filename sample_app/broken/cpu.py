"""A `def` endpoint that computes for about 20 ms: Python does one at a time, however many threads there are."""

from sample_app.broken.bare import bare
from sample_app.endpoints.concurrency import count_primes

NUMBERS = 100_000

app = bare()


@app.get("/work")
def work() -> dict[str, int]:
    return {"primes": count_primes(NUMBERS)}
