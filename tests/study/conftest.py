import sys
from pathlib import Path

sys.path.insert(
    0, str(Path(__file__).parents[2] / "results" / "scripts")
)  # where `python results/scripts/tables.py` looks
