"""`metrics.qa_accuracy.score` as a module of `evaluate`. It parses imports line by line, so write one per line."""

from __future__ import annotations

import evaluate

from hf_selfdemo.metrics.module import Scored
from hf_selfdemo.metrics.qa_accuracy import score

_DESCRIPTION = """\
Exact match, token F1, containment and a lenient match of short answers, with several references per question.
An abstention is a separate outcome, not an incorrect answer.
"""

_CITATION = """\
@inproceedings{rajpurkar2016squad,
  title = {{SQuAD}: 100,000+ Questions for Machine Comprehension of Text},
  author = {Rajpurkar, Pranav and Zhang, Jian and Lopyrev, Konstantin and Liang, Percy},
  booktitle = {EMNLP},
  year = {2016}
}
"""


class QaAccuracy(Scored, evaluate.Metric):
    """See `metrics.qa_accuracy.score`."""

    score = staticmethod(score)
    about = _DESCRIPTION
    sources = _CITATION
