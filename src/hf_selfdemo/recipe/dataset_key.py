"""The key of a dataset: a hash of everything that decides its rows, computed without loading a model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hf_selfdemo.core.keys import deciding
from hf_selfdemo.core.manifest import file_hash, fingerprint, versions
from hf_selfdemo.data.questions import EMBEDDED, read_questions
from hf_selfdemo.evaluation.ability.own_replies import read_instructions
from hf_selfdemo.methods.searched_prompts import read_prompts
from hf_selfdemo.prompting.prompts import JUDGED_WITH, SEARCHED_WITH, templates_hash
from hf_selfdemo.recipe.own_code import own_sources
from hf_selfdemo.recipe.parts import corpus_passages, part_of
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.recipe.retriever import retrieval_settings

PACKAGE = Path(__file__).parent.parent

_INPUTS = (
    *("train_questions", "test_questions", "train_corpus", "test_corpus", "replay_instructions"),
    *("retriever_model", "reranker"),
)
"""Options whose content decides the rows, and whose names do not."""

_HUB_TIMEOUT_S = 10.0


def dataset_key(recipe: Recipe, part: str, weights: str) -> str:
    """Compute a short hash of everything that decides the demonstrations of one part of the data.

    This covers the model's files (for a server, only the model's name), the templates, the content of questions,
    passages, replayed instructions and retrieval models, the options that affect the rows, the code of this package
    as it was loaded, and the versions of the libraries. Of the user's own retriever, only the name counts.

    Args:
        recipe: the recipe.
        part: "train" or "test".
        weights: the fingerprint of the model that writes the candidates.

    Raises:
        UserError: if questions, passages or instructions cannot be read.
    """
    searching = recipe.search.prompt_search and not recipe.search.prompts_dir
    return fingerprint(
        {
            "model": weights,
            "templates": templates_hash([*recipe.method.templates, *JUDGED_WITH, *SEARCHED_WITH]),
            **recipe.chat_template,
            "inputs": _inputs(recipe, part),
            "keys": _keys(recipe, part),
            "prompts": _prompts(recipe.search.prompts_dir),
            "search": deciding(recipe.search, "written") if searching else {},
            "searched on": dataset_key(recipe, "train", weights) if searching and part != "train" else "",
            "code": LOADED_CODE,
            "versions": versions(["sentence-transformers"]),
            **own_sources(method=recipe.demonstrate.method, judge=recipe.judge.judge),
        }
    )


def folder_hash(folder: Path, pattern: str = "**/*") -> str:
    """SHA-256 over the names and contents of a folder's files."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.glob(pattern) if p.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{file_hash(path)}\0".encode())
    return digest.hexdigest()


def code_hash() -> str:
    """A hash over the package's source files as they are now."""
    return folder_hash(PACKAGE, "**/*.py")


LOADED_CODE = code_hash()
"""The hash of the source files when this module was loaded."""


def _keys(recipe: Recipe, part: str) -> dict[str, Any]:
    """The options that decide which candidates of a part are written and kept. `_inputs` hashes the sources."""
    others = {"train", "dev", "test"} - {part}
    groups = (recipe.data, recipe.retrieval, recipe.engine, recipe.demonstrate, recipe.judge)
    found = {key: value for group in groups for key, value in deciding(group, "written", "kept", "replies").items()}
    keys = {key: value for key, value in found.items() if not others & set(key.split("_")) and key not in _INPUTS}
    keys |= {key: value for key, value in recipe.method.deciding("written", "kept").items() if key not in _INPUTS}
    if recipe.method.method.reads_documents:
        keys["max_document_rows"] = recipe.documents.max_document_rows
    del keys["inference_dtype"]  # the dtype that results from it on this machine counts
    keys |= {"part": part, "dtype": recipe.dtype().name, "attention": recipe.model.attn_implementation}
    return keys | retrieval_settings(recipe.retrieval) | {"trust_remote_code": recipe.training.trust_remote_code}


def _inputs(recipe: Recipe, part: str) -> list[str]:
    """The content of the sources of questions, passages and replayed instructions."""
    named, method = part_of(recipe, part), recipe.method
    found = [_questions(recipe, source, named.split) for source in named.questions]
    if method.method.replays and method.get("replay_rows"):
        source = method.get("replay_instructions")
        found.append(_content(source, "instructions.jsonl", None, lambda: read_instructions(source)))
    searches = recipe.retrieval.retriever != "given" or method.method.reads_documents
    if not searches or named.corpus == "questions":
        return [*found, "passages of the questions"]
    revision = recipe.data.corpus_revision
    return [*found, _content(named.corpus, "corpus.jsonl", revision, lambda: corpus_passages(named))]


def _questions(recipe: Recipe, source: str, split: str) -> str:
    d = recipe.data

    def read() -> list[Any]:
        return read_questions(
            source, split, d.preset, d.columns, d.dataset_config, d.dataset_revision, list_separator=d.list_separator
        )

    return _content(source, "questions.jsonl", d.dataset_revision, read)


def _content(source: str, embedded: str, revision: str | None, read: Callable[[], list[Any]]) -> str:
    """A hash of the content of a source. For a Hub dataset whose commit is known, its name and commit."""
    path = EMBEDDED / embedded if source == "embedded" else Path(source).expanduser()
    if path.is_file():
        return f"{path.suffixes} {file_hash(path)}"
    if path.is_dir():
        return folder_hash(path)
    commit = _commit(source, revision)
    return f"{source}@{commit}" if commit else fingerprint([asdict(row) for row in read()])


def _commit(source: str, revision: str | None) -> str | None:
    from huggingface_hub import HfApi

    try:
        return HfApi().dataset_info(source, revision=revision, timeout=_HUB_TIMEOUT_S).sha
    except Exception:  # unreachable, private or no dataset: reading it reports that, or needs no Hub
        return None


def _prompts(folder: str | None) -> list[list[str]]:
    return [read_prompts(Path(folder) / f"{mode}.jsonl") for mode in ("closed_book", "rag")] if folder else []
