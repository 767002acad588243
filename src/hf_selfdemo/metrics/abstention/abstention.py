"""`metrics.abstention.score` as a module of `evaluate`. It parses imports line by line, so write one per line."""

from __future__ import annotations

import evaluate

from hf_selfdemo.metrics.abstention import score
from hf_selfdemo.metrics.module import Scored

_DESCRIPTION = """\
Three outcomes (correct, incorrect, abstained) and metrics of abstention: precision, recall and F1, over-refusal rate,
hallucination rate, accuracy given attempted, SimpleQA F-score, a score with a value for an abstention, and risk against
coverage. Each comes with the value for a model that never answers.
"""

_CITATION = """\
@inproceedings{geifman2017selective,
  title = {Selective Classification for Deep Neural Networks},
  author = {Geifman, Yonatan and El-Yaniv, Ran},
  booktitle = {NeurIPS},
  year = {2017}
}
@inproceedings{geifman2019bias,
  title = {Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers},
  author = {Geifman, Yonatan and Uziel, Guy and El-Yaniv, Ran},
  booktitle = {ICLR},
  year = {2019}
}
@article{wei2024simpleqa,
  title = {Measuring short-form factuality in large language models},
  author = {Wei, Jason and others},
  journal = {arXiv:2411.04368},
  year = {2024}
}
"""


class Abstention(Scored, evaluate.Metric):
    """See `metrics.abstention.score`."""

    score = staticmethod(score)
    about = _DESCRIPTION
    sources = _CITATION
