"""Does this look like production? Pure. Better to ask once too often: a flag says that it is meant."""

import re
from collections.abc import Mapping

_LABELS = frozenset({"environment", "env", "stage", "tier"})
"""Last part of a label's key: `environment`, `example.com/environment`, `app.kubernetes.io/environment`."""
_VALUES = re.compile(r"prod|production|prd|live", re.IGNORECASE)
_NAME = re.compile(r"prod(?!uct(?!ion))|(?:^|-)(?:prd|live)(?:$|-)")
"""`prod` anywhere but in "product"."""


def signs_of_production(namespace: str, labels: Mapping[str, str]) -> tuple[str, ...]:
    """What speaks for production: the namespace's name, and labels of it or of the Deployment; none speaks: empty."""
    named = (f"the namespace is called {namespace}",) if _NAME.search(namespace) else ()
    labelled = (
        f"the label {key} is {value}"
        for key, value in sorted(labels.items())
        if key.rpartition("/")[2].lower() in _LABELS and _VALUES.fullmatch(value)
    )
    return (*named, *labelled)
