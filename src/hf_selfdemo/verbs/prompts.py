"""`hf-selfdemo prompts`: search for better prompts for the candidates, with and without passages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from hf_selfdemo.core.claim import claim_folder
from hf_selfdemo.core.console import progress, say, usage_line
from hf_selfdemo.core.integrity import changed, hashes, known_hashes
from hf_selfdemo.core.manifest import rows_fingerprint, write_checked_json
from hf_selfdemo.core.types import Evidence, Mode, Source
from hf_selfdemo.generation.models import ResolvedModel
from hf_selfdemo.methods.prompt_search import SearchSettings, most_calls, search_prompts
from hf_selfdemo.methods.searched_prompts import read_prompts, write_prompts
from hf_selfdemo.prompting.prompts import SEARCHED_WITH, fill, templates_hash
from hf_selfdemo.recipe.engine import Engine, named_model, open_engine
from hf_selfdemo.recipe.evidence import recipe_evidence
from hf_selfdemo.recipe.recipe import Recipe

_MODES: tuple[Mode, ...] = ("closed_book", "rag")


def run_prompts(recipe: Recipe) -> None:
    """Search for prompts, and print the best ones."""
    model = named_model(recipe)
    evidence, _ = recipe_evidence(recipe, "train")
    folder = _search(recipe, open_engine(recipe, model), evidence)
    _say_what_changed(folder)
    for mode in _MODES:
        say(f"{mode}, best first, in {folder / mode}.jsonl", "bold")
        for prompt in read_prompts(folder / f"{mode}.jsonl")[:3]:
            say(f"  {prompt!r}")


def recipe_instructions(
    recipe: Recipe, model: ResolvedModel, evidence: Sequence[Evidence]
) -> tuple[Engine | None, dict[Source, list[str]]]:
    """The searched prompts of a recipe, best first. They are searched for if the recipe asks for it.

    Returns:
        The engine, if one was opened, and the prompts by source. Empty if the recipe uses the prompts of the templates.
    """
    folder, engine = recipe.search.prompts_dir, None
    if not recipe.method.method.searches_prompts:
        return engine, {}
    if recipe.search.prompt_search and not folder:
        engine = open_engine(recipe, model)
        folder = str(_search(recipe, engine, evidence))
    if not folder:
        return engine, {}
    _say_what_changed(Path(folder))
    found: dict[Source, list[str]] = {}
    for mode in _MODES:
        count = recipe.method.get(f"{mode}_candidates")
        found[mode] = read_prompts(Path(folder) / f"{mode}.jsonl")[: max(1, count)]
    return engine, found


def _search(recipe: Recipe, engine: Engine, evidence: Sequence[Evidence]) -> Path:
    """Search for both kinds of prompts and write them to `output_dir/prompts`. Finished searches are not repeated."""
    folder, settings = recipe.output_dir / "prompts", _settings(recipe)
    claim_folder(
        folder,
        {
            "generator": engine.generator.identity,
            "templates": templates_hash(SEARCHED_WITH),
            "evidence": rows_fingerprint(map(asdict, evidence)),
            **asdict(settings),
        },
        defaults=asdict(SearchSettings()),
    )
    known = known_hashes(folder)
    for mode in _MODES:
        path = folder / f"{mode}.jsonl"
        if not path.exists():
            figures: Counter[str] = Counter()
            with progress(f"searching {mode} prompts", most_calls(settings)) as advance:
                start = [fill(f"search/start_{mode}")]
                prompts = search_prompts(evidence, engine.generator, mode, start, settings, advance, figures)
            write_prompts(path, prompts)
            known.pop(path.name, None)
            say(f"{mode}: " + ", ".join(f"{n} {what}" for what, n in figures.items()))
        if path.name not in known:  # just searched, or an earlier process was killed before it wrote the hash
            known |= hashes(folder, [path])
            write_checked_json(folder / "manifest.json", {"files": known})
    say(usage_line("prompt search", engine.generator.usage, engine.generator.reused))
    return folder


def _say_what_changed(folder: Path) -> None:
    """Print which prompt files were edited after the search."""
    for name in changed(folder, known_hashes(folder)):
        say(f"warning: {folder / name} was edited after the search and is used as it is; to search again, remove it")


def _settings(recipe: Recipe) -> SearchSettings:
    s = recipe.search
    return SearchSettings(
        train_examples=s.search_train_examples,
        eval_examples=s.search_eval_examples,
        shuffle_window=s.search_shuffle_window,
        steps=s.search_steps,
        topk=s.search_topk,
        beam_size=s.search_beam_size,
        answer_temperature=s.search_answer_temperature,
        rewrite_temperature=s.search_rewrite_temperature,
        max_answer_tokens=s.max_search_answer_tokens,
        instructions_as_system=recipe.method.get("instructions_as_system", False),
        window=recipe.engine.window,
        seed=s.search_seed,
    )
