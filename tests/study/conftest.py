import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "results" / "study"))  # where `python results/study/tables.py` looks
