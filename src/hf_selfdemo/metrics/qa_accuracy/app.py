"""The page of this metric's Space."""

from pathlib import Path

from hf_selfdemo.metrics.demo import demo
from hf_selfdemo.metrics.qa_accuracy import score

if __name__ == "__main__":
    demo(score, Path(__file__).parent).launch()
