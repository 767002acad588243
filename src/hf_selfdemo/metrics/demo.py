"""The page of a metric's Space, on which one can try the metric."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hf_selfdemo.core.errors import UserError

_EXAMPLE = {
    "predictions": ["It is Bern.", "I don't know.", "It was Basel."],
    "references": [["Bern", "Berne"], ["Oslo"], []],
    "rows": True,
}


def demo(score: Callable[..., dict[str, Any]], folder: Path) -> Any:
    """A `gradio.Interface` that runs `score` on typed JSON, above the metric's card.

    `evaluate.utils.launch_gradio_widget` was written for gradio 3 and does not run with later versions.

    Args:
        score: the metric's function, e.g. `metrics.qa_accuracy.score`.
        folder: the metric's folder, with the card README.md.

    Raises:
        UserError: if gradio is not installed.
    """
    try:
        import gradio
    except ImportError:
        raise UserError("the page of a metric needs gradio", "pip install 'hf-selfdemo[app]'") from None

    def run(text: str) -> dict[str, Any]:
        try:
            return scored(score, text)
        except UserError as error:
            raise gradio.Error(str(error)) from None

    card = (folder / "README.md").read_text(encoding="utf-8")
    return gradio.Interface(
        fn=run,
        inputs=gradio.Code(json.dumps(_EXAMPLE, indent=2), language="json", label="columns and options"),
        outputs=gradio.JSON(label="figures"),
        title=folder.name,
        article=card.split("---\n", 2)[-1],
        flagging_mode="never",
    )


def scored(score: Callable[..., dict[str, Any]], text: str) -> dict[str, Any]:
    """The result of `score` on columns and options in JSON.

    Raises:
        UserError: if the text is not a JSON object with arguments of `score`.

    Example:
        >>> scored(lambda predictions: {"n": len(predictions)}, '{"predictions": ["Bern"]}')
        {'n': 1}
    """
    try:
        return score(**json.loads(text))
    except (json.JSONDecodeError, TypeError) as error:
        raise UserError(
            f"the input cannot be scored ({error})", "give JSON lists of predictions and references"
        ) from None
