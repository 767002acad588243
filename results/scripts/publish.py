"""Writes an adapter of the study into a folder that is small enough for this repository.

    python results/scripts/publish.py runs/study/self_demo-1 results/study/adapter

The weights are rounded to bfloat16, which halves their size. The base model is named by its Hub id. The folder also has
the prompt and the operating point, whose hash is set to that of the rounded weights. Tokenizer and chat template are
those of the base model and are not copied. An evaluation of the folder shows what rounding changes; the README of the
study has the command.
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
"""Files that are copied if they exist. The model card is not copied, because the study has its own."""


def publish(run: Path, folder: Path, base_model: str = "") -> None:
    """Write a run's adapter into a folder, with its operating point if it has one. Other files there stay.

    Args:
        run: the run's folder, which contains `model`.
        folder: the output folder; it is created if it does not exist.
        base_model: Hub id of the base model; by default its name in training.

    Raises:
        UserError: if the run has no finished training, or trained a whole model.
    """
    files = model_artefact(run, "study/adapter", base_model=base_model).files  # refuses unfinished runs
    if WEIGHTS not in files:
        raise UserError(f"{run} contains no adapter", "a whole model is too large to keep here: push it to the Hub")
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
    parser.add_argument("folder", type=Path, help="folder to write the adapter to")
    parser.add_argument("--base_model", default="", help="Hub id of its base model, if it was trained from a folder")
    given = parser.parse_args()
    try:
        publish(given.run, given.folder, given.base_model)
    except UserError as error:
        sys.exit(str(error))
    print(f"wrote {given.folder}")


if __name__ == "__main__":
    main()
