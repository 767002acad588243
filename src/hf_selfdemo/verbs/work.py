"""The work folders of a cached dataset, one for each part of the data, named by a hash of what decides it."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet
from filelock import FileLock

from hf_selfdemo.core.artefacts import Demonstrations, SkippedRow
from hf_selfdemo.core.cache import content_hash
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json, read_json_lines, write_checked_json
from hf_selfdemo.core.types import CALL_FAILED
from hf_selfdemo.generation.models import ResolvedModel
from hf_selfdemo.recipe.dataset_key import LOADED_CODE, code_hash, dataset_key
from hf_selfdemo.recipe.engine import named_model
from hf_selfdemo.recipe.evidence import recipe_evidence
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.recipe.retriever import keeps_index
from hf_selfdemo.verbs.cli import make_recipe
from hf_selfdemo.verbs.demonstrate import NOBODY, asks_nothing, make_demonstrations
from hf_selfdemo.verbs.prompts import run_prompts
from hf_selfdemo.verbs.shards import make_calls

_ROWS_A_READ = 512


class Work:
    """Makes each part of the data once, and never reuses one that was made from other inputs.

    Args:
        keys: the options of the recipe. Its output_dir and shard have no effect.
        parts: the parts to make, of "train" and "test".

    `names` are the hashes of the parts, computed without loading a model.

    Raises:
        UserError: for a wrong option, or a source or model that cannot be found.
    """

    def __init__(self, keys: dict[str, Any], parts: Sequence[str]) -> None:
        self.keys = keys | {
            "output_dir": "",
            "shard": None,
            "on_policy_rows": 0,
        }  # the on-policy figure is not part of the rows
        self.recipe = _recipe(self.keys)
        if asks_nothing(self.recipe):
            self.keys |= {"prompt_search": False, "prompts_dir": None}
            self.recipe = _recipe(self.keys)
        self.names = _names(self.recipe, parts, _model(self.recipe))

    def made(self, part: str, home: str, processes: int = 1) -> Path:
        """Make a part if needed, and return its folder, as `hf-selfdemo demonstrate` writes it.

        Args:
            part: "train" or "test".
            home: folder with the work folders and the generation cache of all datasets.
            processes: number of processes that make calls, if several can be used.

        Raises:
            UserError: for everything that demonstrating rejects, if a server fails to answer calls, or if an input has
                changed since this object was made.
        """
        folder = Path(home) / "work" / self._name(part)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not (folder / "manifest.json").exists():
                shutil.rmtree(folder, ignore_errors=True)  # left by a killed process, whose calls are cached
                folder.mkdir()
                self._make(part, home, folder, processes)
            _refuse_changed(folder)
        return folder

    def forget(self, home: str) -> None:
        """Remove the folders of the parts, so that they are made again. The generation cache stays."""
        for name in self.names.values():
            shutil.rmtree(Path(home) / "work" / name, ignore_errors=True)

    def _name(self, part: str) -> str:
        return self.names.get(part) or _names(self.recipe, [part], _model(self.recipe))[part]

    def _make(self, part: str, home: str, folder: Path, processes: int) -> None:
        name, model = self._name(part), _model(self.recipe)
        self._refuse_changes(part, name)
        keys = self._keys(part, home, folder, processes)
        recipe = _recipe(keys)
        here = recipe.engine.engine == "transformers" and recipe.engine.runner == "local"
        if processes > 1 and here and not asks_nothing(recipe):
            if _searches(recipe):
                run_prompts(recipe)  # once, rather than in each process
            elif keeps_index(recipe.retrieval):
                recipe_evidence(recipe, part)  # builds the index, which the processes then find
            make_calls(keys, part, processes, folder)
        make_demonstrations(recipe, part, model)
        manifest = read_json(folder / "demonstrations" / "manifest.json", Demonstrations, "skipped")
        _refuse_gaps(recipe, manifest, folder / "demonstrations" / "skipped.jsonl")
        self._refuse_changes(part, name)
        write_checked_json(folder / "manifest.json", manifest)

    def _keys(self, part: str, home: str, folder: Path, processes: int) -> dict[str, Any]:
        keys = self.keys | {"output_dir": str(folder)}
        if not asks_nothing(self.recipe) and not self.recipe.engine.ledger:
            keys["ledger"] = str(Path(home) / "ledger.sqlite")
        if keeps_index(self.recipe.retrieval) and not self.recipe.retrieval.index_dir:
            keys["index_dir"] = str(Path(home) / "index")
        if part != "train" and _searches(self.recipe):
            keys["prompts_dir"] = str(self.made("train", home, processes) / "prompts")
        return keys

    def _refuse_changes(self, part: str, name: str) -> None:
        if code_hash() != LOADED_CODE:
            raise UserError("the code of hf_selfdemo has changed since it was loaded", "restart Python")
        if _names(self.recipe, [part], _model(self.recipe))[part] != name:
            raise UserError(
                "questions, passages, templates or the model have changed since the builder was made",
                "make a new builder; the calls made so far are cached",
            )


def read_rows(folder: str) -> Iterator[dict[str, Any]]:
    """The demonstrations in a folder that `Work.made` returned."""
    with pyarrow.parquet.ParquetFile(Path(folder) / "demonstrations" / "train.parquet") as file:
        for batch in file.iter_batches(_ROWS_A_READ):
            yield from batch.to_pylist()


def _names(recipe: Recipe, parts: Sequence[str], model: ResolvedModel) -> dict[str, str]:
    return {part: dataset_key(recipe, part, model.fingerprint) for part in parts}


def _recipe(keys: dict[str, Any]) -> Recipe:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # TRL sets older names of transformers on every config
        recipe: Recipe = make_recipe(keys)
    return recipe


def _model(recipe: Recipe) -> ResolvedModel:
    return NOBODY if asks_nothing(recipe) else named_model(recipe)


def _searches(recipe: Recipe) -> bool:
    return recipe.search.prompt_search and not recipe.search.prompts_dir


def _refuse_changed(folder: Path) -> None:
    path = folder / "demonstrations" / "train.parquet"
    known = read_json(folder / "manifest.json", Demonstrations).get("train.parquet")
    if not path.exists() or content_hash(path) != known:
        remedy = "prepare with download_mode='force_redownload'"
        raise UserError(f"{path} has changed since it was written", remedy)


def _refuse_gaps(recipe: Recipe, manifest: dict[str, Any], skipped: Path) -> None:
    """Reject a dataset that lacks rows because of a server's failures, which may succeed next time."""
    if recipe.engine.engine != "server" or not (failed := manifest["skipped"].get(CALL_FAILED)):
        return
    first = next(row for row in read_json_lines(skipped, SkippedRow) if row["reason"] == CALL_FAILED)
    raise UserError(
        f"the calls of {failed} questions failed, the first is {first['id']!r} ({first['detail']})",
        "prepare again to repeat only these; shorten rows that are too long, and remove those that always fail",
    )
