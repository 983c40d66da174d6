"""Init container of a tuned pod: copies the agent to where the app finds it. Standard library only: it takes a moment.

python -m fastapi_tuning.cli.copy_agent /fastapi-tuning-agent
"""

import shutil
import sys
from pathlib import Path

AGENT = Path("/opt/fastapi-tuning-agent")
_ENTRY = "sitecustomize.py"
"""Python looks for this; what it does not find it does not run."""


def copy_agent(source: Path, destination: Path) -> None:
    """Copy what is in `source` into the directory `destination`, the entry last: half an agent is never started.

    Raises:
        OSError, shutil.Error: something could not be read or written.
    """
    for entry in sorted(source.iterdir(), key=lambda entry: entry.name == _ENTRY):
        if entry.is_dir():
            shutil.copytree(entry, destination / entry.name, dirs_exist_ok=True, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(entry, destination / entry.name)


def main() -> None:
    """A pod without the agent is better than no pod: a failure is told, and is none."""
    try:
        copy_agent(AGENT, Path(sys.argv[1]))
    except (OSError, shutil.Error) as error:
        print(f"fastapi-tuning-agent: not copied, the app starts without it: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
