"""Where the measured figures are kept."""

from pathlib import Path

RECORD = Path(__file__).with_name("recorded.json")
