"""The demo is what a newcomer sees first."""

import subprocess
import sys
from pathlib import Path


def test_all_that_the_demo_shows_happens(tmp_path: Path) -> None:
    """As ``python3 dev.py demo --once``, with the environment that is there."""
    command = [sys.executable, "-m", "chorally_core.cli", "demo", "--once", "--port", "0", "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no" not in [line.split("│")[-2].strip() for line in done.stdout.splitlines() if line.count("│") > 2]
