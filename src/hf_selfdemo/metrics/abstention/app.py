"""The page of this metric's Space."""

from pathlib import Path

from hf_selfdemo.metrics.abstention import score
from hf_selfdemo.metrics.demo import demo

if __name__ == "__main__":
    demo(score, Path(__file__).parent).launch()
