"""Python runs this at its start when this directory is on PYTHONPATH. Puts the agent in.

Python loads one module of this name only, so the next one on the path (a distribution's, OpenTelemetry's) is run from
here. It must come last and may fail as it would have failed alone.
"""

import sys


def _put_agent_in():
    import os  # loaded already by Python's own start

    if os.environ.get("FASTAPI_TUNING_AGENT", "").strip().lower() in ("off", "false", "no", "0"):
        return
    try:
        from fastapi_tuning_agent.finder import watch_imports

        watch_imports()
    except Exception as error:  # noqa: BLE001 - whatever breaks here, the app must not notice
        print(f"fastapi-tuning-agent: left out: {error!r}", file=sys.stderr)


def _run_next():
    import os
    from _frozen_importlib import module_from_spec
    from _frozen_importlib_external import PathFinder

    here = os.path.dirname(os.path.abspath(__file__))
    elsewhere = [entry for entry in sys.path if os.path.abspath(entry) != here]
    spec = PathFinder.find_spec("sitecustomize", elsewhere)
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


_put_agent_in()
_run_next()
