"""`python -m dev.dependency_audit LOCK…`: ask pip-audit about each lock file, and tell "no" from "nobody answered"."""

import subprocess
import sys
from pathlib import Path

from dev.dependency_audit.verdict import Outcome, Verdict, verdict_of

_LONGEST_SECONDS = 300


def main(locks: list[Path]) -> int:
    """One after the other; a service that knows nothing of the first need not be asked about hundreds more."""
    fails = False
    for lock in locks:
        verdict = _audited(lock)
        for line in verdict.lines:
            print(f"{lock}: {line}")
        fails |= verdict.fails
        if verdict.outcome is Outcome.UNREACHABLE:
            break
    return 1 if fails else 0


def _audited(lock: Path) -> Verdict:
    """The lock file names every package with its hashes, so nothing is resolved, downloaded or installed for this."""
    options = ("--requirement", str(lock), "--disable-pip", "--require-hashes", "--format", "json")
    command = (sys.executable, "-m", "pip_audit", *options, "--progress-spinner", "off", "--timeout", "15")
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return verdict_of(1, "", "requests.exceptions.ReadTimeout: no end within five minutes")
    return verdict_of(run.returncode, run.stdout, run.stderr)


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]]))
