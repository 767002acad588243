"""`hf-selfdemo merge`: merge the adapter into its base, to get a full model that any server loads."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hf_selfdemo.core.artefacts import Training
from hf_selfdemo.core.console import say, show, waiting
from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json, write_text
from hf_selfdemo.core.memory import give_back
from hf_selfdemo.core.protocols import Answerer
from hf_selfdemo.core.types import Answer, Evidence
from hf_selfdemo.evaluation.predict import answer_or_error
from hf_selfdemo.generation.models import resolve_model
from hf_selfdemo.generation.tuned import POINT_FILE, attached, is_adapter
from hf_selfdemo.hub.model import PROMPT
from hf_selfdemo.hub.weights import config_file, merge_weights, tokenizer_files
from hf_selfdemo.methods.answering import PromptAnswerer
from hf_selfdemo.methods.at_point import move_point
from hf_selfdemo.methods.method import METHOD_FILE
from hf_selfdemo.methods.openings import OPENINGS_FILE
from hf_selfdemo.recipe.engine import in_process
from hf_selfdemo.recipe.evidence import recipe_evidence
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.verbs.columns import model_answerer, tuned_models

_SHOWN = 5
"""Number of differing replies that are printed."""


def run_merge(recipe: Recipe) -> None:
    """Merge the adapter, compare replies to some test questions before and after, and write the model if they agree.

    The merged weights have the precision of the base model, which rounds the adapter's changes. So replies can differ.

    Raises:
        UserError: if there is no adapter, its base model has changed, or more than `max_changed_replies` replies
            differ. Nothing is written then.
    """
    source = list(tuned_models(recipe).values())[-1:]
    if not source or not is_adapter(source[0]):
        what = f"{source[0]} is a full model" if source else f"method {recipe.method.name!r} trains nothing"
        raise UserError(f"{what}, so there is no adapter to merge", "name one: --adapters tuned=RUN/model")
    folder, target = source[0], Path(recipe.merge.merge_to or recipe.output_dir / "merged")
    rows = recipe_evidence(recipe, "test")[0][: recipe.merge.merge_prompts]
    answerer = model_answerer(recipe, folder)
    before, tokenizer = _before(recipe, folder, rows, answerer)
    if all(answer.finish_reason == "error" for answer in before):
        raise UserError("no test question fits the model, so replies cannot be compared", "lower max_passage_words")

    def finish(staging: Path) -> None:
        _add_files(folder, staging, tokenizer, answerer)
        after = _answers(recipe, rows, answerer, *recipe.load(resolve_model(str(staging))))
        _refuse_changes(rows, before, after, recipe.merge.max_changed_replies)

    base = read_json(folder / "manifest.json", Training, missing_ok=True).get("settings", {}).get("base", "")
    merge_weights(folder, target, base, finish)
    say(f"wrote {target}")
    show(serving_lines(target, recipe.output_dir.resolve().name))


def serving_lines(folder: Path, name: str) -> str:
    """The commands that convert and serve a full model.

    Args:
        folder: the folder of the model.
        name: the name of the model for Ollama.

    Example:
        >>> print(serving_lines(Path("runs/mine/merged"), "mine").splitlines()[1])
          python convert_hf_to_gguf.py runs/mine/merged --outfile runs/mine/merged.gguf --outtype auto
    """
    model, gguf, modelfile = (shlex.quote(str(folder) + end) for end in ("", ".gguf", ".Modelfile"))
    absolute = shlex.quote(f"FROM {folder.resolve()}.gguf")
    return "\n".join(
        [
            "GGUF, with llama.cpp:",
            f"  python convert_hf_to_gguf.py {model} --outfile {gguf} --outtype auto",
            f"  llama-server -m {gguf} --jinja",
            "Ollama, from the GGUF file:",
            f"  printf '%s\\n' {absolute} 'PARAMETER temperature 0' 'PARAMETER repeat_penalty 1' > {modelfile}",
            f"  ollama create {shlex.quote(name.lower())} -f {modelfile}",
            "vLLM:",
            f"  vllm serve {model}",
            f"The prompt with passages: {folder / PROMPT}",
        ]
    )


def _before(recipe: Recipe, folder: Path, rows: Sequence[Evidence], answerer: Answerer) -> tuple[list[Answer], Any]:
    """The answers of the base model with the adapter attached but not merged, and the tokenizer."""
    network, base_tokenizer = recipe.load(recipe.base_of(folder))
    tokenizer = recipe.adapted_tokenizer(folder, base_tokenizer)
    found = _answers(recipe, rows, answerer, attached(network, folder), tokenizer)
    del network
    give_back()
    return found, tokenizer


def _answers(
    recipe: Recipe, rows: Sequence[Evidence], answerer: Answerer, network: Any, tokenizer: Any
) -> list[Answer]:
    with waiting(f"asking {len(rows)} test questions"):
        dialogues = (answer_or_error(row, "rag", answerer) for row in rows)
        return list(converse(dialogues, in_process(recipe, network.eval(), tokenizer)))


def _add_files(folder: Path, staging: Path, tokenizer: Any, answerer: Answerer) -> None:
    """Add the other files of the model: tokenizer, prompt, method and operating point."""
    tokenizer.save_pretrained(staging)
    for name, file in (tokenizer_files(staging) | config_file(staging)).items():
        if isinstance(file, str):  # rewritten without paths of this machine; other files are already there
            write_text(staging / name, file)
    for name in (METHOD_FILE, OPENINGS_FILE):
        if (folder / name).exists():
            shutil.copyfile(folder / name, staging / name)
    if (folder / POINT_FILE).exists():
        move_point(folder, staging)
    if isinstance(answerer, PromptAnswerer):
        write_text(staging / PROMPT, answerer.template())


def _refuse_changes(rows: Sequence[Evidence], before: Sequence[Answer], after: Sequence[Answer], most: int) -> None:
    """Print how many replies changed, and raise if too many did. Failed calls before merging are not counted."""
    asked = [pair for pair in zip(rows, before, after, strict=True) if pair[1].finish_reason != "error"]
    changed = [
        (row, was, now) for row, was, now in asked if (was.text, was.finish_reason) != (now.text, now.finish_reason)
    ]
    for row, was, now in changed[:_SHOWN]:
        say(f"{row.id}: {was.text!r} with the adapter, {now.text!r} merged")
    told = f"{len(changed)} of {len(asked)} replies differ between the adapter and the merged model"
    if len(changed) > most:
        remedy = f"nothing was written; if the new replies are as good, add --max_changed_replies {len(changed)}"
        raise UserError(told, remedy)
    say(told)
