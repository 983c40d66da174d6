"""A cache without bounds: each request leaves a megabyte behind, until 95 % of `MEMORY_LIMIT_BYTES` are in use.

It stops there, short of what the kernel would kill it for, so that there is something to look at.
"""

import os
from pathlib import Path

from sample_app.broken.bare import bare

FILL_RATIO = 0.95
ENTRY_BYTES = 1 << 20
LIMIT_VARIABLE = "MEMORY_LIMIT_BYTES"
"""Set from the container's own limit, by `resourceFieldRef`."""

app = bare()
app.state.cache = []


@app.get("/work")
async def work() -> dict[str, int]:
    """Raises KeyError where the limit was not given."""
    if resident_bytes() + ENTRY_BYTES < FILL_RATIO * int(os.environ[LIMIT_VARIABLE]):
        app.state.cache.append(b"x" * ENTRY_BYTES)  # written to, or the pages would not be there
    return {"entries": len(app.state.cache)}


def resident_bytes() -> int:
    """What the process occupies, as Linux tells it."""
    _, resident_pages, *_ = Path("/proc/self/statm").read_text().split()
    return int(resident_pages) * os.sysconf("SC_PAGE_SIZE")
