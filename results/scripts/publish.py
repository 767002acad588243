"""An adapter of the study as a folder small enough for this repository.

    python results/scripts/publish.py runs/study/self_demo-1 results/study/adapter

Weights are rounded to bfloat16, which halves them; the base model is named by its Hub id; the prompt lies beside them,
and the operating point, which then holds for the rounded weights. Tokenizer and chat template are the base model's and
stay there. What rounding changes shows in an evaluation of the folder: the README of the study has its command.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from peft.utils import SAFETENSORS_WEIGHTS_NAME as WEIGHTS
from safetensors.torch import load_file, save_file

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import write_text
from hf_selfdemo.generation.tuned import ADAPTER, POINT_FILE
from hf_selfdemo.hub.model import PROMPT, model_artefact
from hf_selfdemo.methods.at_point import move_point
from hf_selfdemo.methods.method import METHOD_FILE
from hf_selfdemo.methods.openings import OPENINGS_FILE

TEXTS = (ADAPTER, PROMPT, "generation_config.json", METHOD_FILE, OPENINGS_FILE)
"""What goes along where it is there; the card is the study's own."""


def publish(run: Path, folder: Path, base_model: str = "") -> None:
    """Write a run's adapter into a folder, and the operating point if it has one; other files there stay.

    Args:
        run: the run's folder, with `model` in it.
        folder: is made if need be.
        base_model: Hub id of the model that was trained on; by default as it was named in training.

    Raises:
        UserError: if no training was finished there, or a whole model was trained.
    """
    files = model_artefact(run, "study/adapter", base_model=base_model).files  # refuses what should not go out
    if WEIGHTS not in files:
        raise UserError(f"{run} holds no adapter", "a whole model is too large to keep here: push it")
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: weight.to(torch.bfloat16) for name, weight in load_file(files[WEIGHTS]).items()}
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    for name in (name for name in TEXTS if name in files):
        text = files[name]
        write_text(folder / name, text if isinstance(text, str) else text.read_text(encoding="utf-8"))
    if POINT_FILE in files:
        move_point(run / "model", folder)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a run's adapter into a small folder.")
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("folder", type=Path, help="where the adapter goes")
    parser.add_argument(
        "--base_model", default="", help="the Hub id that others load its base by, if it was trained on a folder"
    )
    given = parser.parse_args()
    try:
        publish(given.run, given.folder, given.base_model)
    except UserError as error:
        sys.exit(str(error))
    print(f"wrote {given.folder}")


if __name__ == "__main__":
    main()
