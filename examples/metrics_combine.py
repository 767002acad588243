"""Both metrics and one of your own in a single `evaluate.combine`.

    python examples/metrics_combine.py

Needs `pip install 'hf-selfdemo[metrics]'`. `metrics.load` takes the metrics from the installed package; of pushed ones
`evaluate.load("someone/qa_accuracy")` does the same.
"""

from typing import Any

import datasets
import evaluate

from hf_selfdemo import metrics

REPLIES = ["It is Bern.", "I don't know.", "It was Basel, if I remember rightly.", "The passages do not say."]
ANSWERS = [["Bern", "Berne"], ["Oslo"], ["Vaduz"], []]  # the last question has none: declining is what is wanted


class ReplyLength(evaluate.Metric):
    """Words a reply: what a metric of `evaluate` takes to stand beside ours."""

    def _info(self) -> evaluate.MetricInfo:
        columns = {
            "predictions": datasets.Value("string"),
            "references": datasets.List(datasets.Value("string")),
        }
        return evaluate.MetricInfo(
            description="Mean number of words.", citation="", features=datasets.Features(columns)
        )

    def _compute(self, predictions: list[str], references: list[list[str]], **options: Any) -> dict[str, float]:
        # `options`, since `combine` gives every option to every metric
        return {"words": sum(len(reply.split()) for reply in predictions) / len(predictions)}


if __name__ == "__main__":
    together = evaluate.combine([metrics.load("qa_accuracy"), metrics.load("abstention"), ReplyLength()])
    for reply, answers in zip(REPLIES, ANSWERS, strict=True):  # or all at once, as `compute(predictions=..., ...)`
        together.add(prediction=reply, reference=answers)
    # `abstain_value` is an option of `abstention` alone: what declining is worth between an error and a right answer
    found = together.compute(abstain_value=0.3)
    for figure in ("match", "f1", "f_score", "abstention_recall", "false_refusals", "lambda_score", "words"):
        print(f"{figure:18} {found[figure]:.2f}")
    # figures that both metrics have carry the metric's name
    print("\n".join(sorted(name for name in found if name.startswith(("qa_accuracy_", "abstention_")))))
