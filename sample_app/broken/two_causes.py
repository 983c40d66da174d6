"""Two at once: more load than its threads carry (as `thread_pool`), and a bug (as `application_errors`)."""

import time
from itertools import count

from sample_app.broken.application_errors import meet_the_bug
from sample_app.broken.bare import bare
from sample_app.broken.thread_pool import SECONDS

app = bare()
app.state.requests = count(1)


@app.get("/work")
def work() -> dict[str, str]:
    time.sleep(SECONDS)
    meet_the_bug(next(app.state.requests))
    return {"result": "done"}
