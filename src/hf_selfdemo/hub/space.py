"""The page of `hf-selfdemo app` as a Space: a recipe, the files of the run that it needs, and a short `app.py`."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from hf_selfdemo.core.artefacts import Demonstrations, Evaluated, EvaluatedRow
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.integrity import refuse_changed
from hf_selfdemo.core.manifest import read_json, read_json_lines
from hf_selfdemo.data.questions import read_passages
from hf_selfdemo.generation.tuned import POINT_FILE, is_adapter
from hf_selfdemo.hub.artefact import Artefact
from hf_selfdemo.hub.card import checked_id, is_hub_id, write_card
from hf_selfdemo.hub.licence import source_licence
from hf_selfdemo.hub.weights import base_id, config_file, tokenizer_files, weight_files
from hf_selfdemo.methods.gate import GATE_FILE
from hf_selfdemo.methods.method import METHOD_FILE
from hf_selfdemo.methods.openings import OPENINGS_FILE

REQUIREMENTS = "hf-selfdemo[app]\n"
"""The requirements of the Space if BM25 is used."""

APP = '''\
"""The page of this Space: the run beside this file, as recipe.yaml says."""

import os
import sys
from pathlib import Path

from hf_selfdemo.verbs.cli import main

os.chdir(Path(__file__).parent)
sys.exit(main(["app", "--config", "recipe.yaml", *sys.argv[1:]]))
'''

_PYTHON = "3.12"
"""The default of Spaces is 3.10, which the package does not support."""

_MODEL = "run/model"
"""The folder of weights that have no repository of their own."""

_KEYS = (
    "retriever",
    "retriever_model",
    "retriever_query_prompt",
    "retriever_passage_prompt",
    "reranker",
    "rerank_depth",
    "passages_per_question",
    "max_passage_words",
    "split_passages",
    "test_split",
    "max_answer_tokens",
)
"""Options of the run that the page needs."""

_OF_HUB_CORPUS = ("corpus_columns", "corpus_config", "corpus_revision", "corpus_split")
"""More options, for a corpus that the page reads from the Hub."""

_KINDS = {"demonstrations": Demonstrations, "evaluation": Evaluated}
_SHOWN = {"demonstrations": ("candidates.jsonl", "skipped.jsonl"), "evaluation": ("rows.jsonl",)}
"""The files that the page reads, by folder, except replies, which the manifest of the evaluation names."""


def space_artefact(
    run: Path,
    repo_id: str,
    *,
    data: Mapping[str, Any] | None = None,
    base_model: str = "",
    adapter: str = "",
    trained: Path | None = None,
    license: str = "",
    method: Mapping[str, Any] | None = None,
) -> Artefact:
    """Make a Space of the app for a run: its demonstrations and replies, its corpus, and its models.

    Args:
        run: the run's folder, which contains `demonstrations`, `evaluation` or both.
        repo_id: owner and name of the Space.
        data: the run's options of questions and passages; default: those in the evaluation's manifest.
        base_model: Hub id of the base model; default: its name in the run.
        adapter: Hub id of the trained model, if it was pushed. Otherwise its weights are put into the Space.
        trained: folder of the trained model; default: `model` in the run.
        license: licence of questions and passages; not needed for the embedded corpus.
        method: options of a recipe whose method trains nothing, with `method`, so that the app asks in the same way.

    Raises:
        UserError: if the run has neither demonstrations nor an evaluation, the base has no Hub id, or the licence is
            unknown.

    Relations: `verbs.app` serves the page from the Space's recipe, as from any recipe.
    """
    checked_id(repo_id)
    manifests = {name: read_json(p, _KINDS[name]) for name in _SHOWN if (p := run / name / "manifest.json").exists()}
    if not manifests:
        raise UserError(f"{run} contains neither demonstrations nor an evaluation", "run `hf-selfdemo run` first")
    evaluation = manifests.get("evaluation", {})
    data = dict(data or evaluation.get("data", {}))
    _refuse_own_code(data, manifests.get("demonstrations", {}).get("settings", {}), method or {})
    license = source_licence({"train_questions": _sources(data), "train_corpus": data.get("test_corpus", "")}, license)
    recorded = evaluation.get("base_model") or manifests.get("demonstrations", {}).get("model", {}).get("name", "")
    base = base_id(trained or run / "model", recorded, base_model)
    corpus, corpus_file = _corpus(run, data)
    weights = {} if adapter else _weights(trained or run / "model", base)
    where = adapter or (_MODEL if weights else "")
    answer_tokens = evaluation.get("settings", {}).get("max_answer_tokens")
    metadata = _metadata(repo_id, base, adapter, license)
    files: dict[str, Path | str] = {
        "README.md": write_card("space", metadata, repo_id=repo_id, base=base, license=license),
        "app.py": APP,
        "requirements.txt": _requirements(data),
        "recipe.yaml": _recipe(base, corpus, where, {**data, "max_answer_tokens": answer_tokens}, method or {}),
    }
    files |= _rows(run, manifests, base) | corpus_file | weights
    if method and (run / GATE_FILE).exists():
        files[f"run/{GATE_FILE}"] = run / GATE_FILE
    return Artefact("app", repo_id, "space", files, "Add the app over a run", space_sdk="gradio")


def _recipe(base: str, corpus: str, trained: str, keys: Mapping[str, Any], method: Mapping[str, Any]) -> str:
    """The recipe of the page."""
    named = {"output_dir": "run", "model_name_or_path": base, "test_corpus": corpus, "app_host": "0.0.0.0"}
    of_hub = _OF_HUB_CORPUS if is_hub_id(corpus) else ()  # corpus.jsonl has the usual column names
    kept = {key: keys[key] for key in (*_KEYS, *of_hub) if keys.get(key) not in (None, [])}
    keys = named | kept | dict(method) | ({"adapters": [f"tuned={trained}"]} if trained else {})
    return str(yaml.safe_dump(keys, sort_keys=False))


def _refuse_own_code(*keys: Mapping[str, Any]) -> None:
    """Reject a retriever or method of the user's own, which is not in the package that a Space installs."""
    for group in keys:
        for key in ("retriever", "method"):
            if ":" in (own := str(group.get(key) or "")):
                raise UserError(
                    f"{key} {own!r} is your own code, which a Space does not have", "leave space out of artefacts"
                )


def _requirements(data: Mapping[str, Any]) -> str:
    """The requirements of the Space.

    Raises:
        UserError: if a retrieval model is only on this machine.
    """
    models = [data[key] for key in ("retriever_model", "reranker") if data.get(key)]
    for model in models:
        if not is_hub_id(model) or Path(model).exists():
            raise UserError(f"the Space cannot load the retrieval model {model!r}", "push it, and name its Hub id")
    return REQUIREMENTS.replace("app", "app,dense") if models else REQUIREMENTS


def _sources(data: Mapping[str, Any]) -> list[str]:
    """The sources of questions and passages, from the options."""
    named = [data.get(f"{part}_corpus") or "" for part in ("train", "test")]
    asked = [source for part in ("train", "test") for source in data.get(f"{part}_questions") or ()]
    return sorted({*named, *asked} - {"", "questions"})


def _rows(run: Path, manifests: Mapping[str, dict[str, Any]], base: str) -> dict[str, Path | str]:
    """The files to browse, with manifests that contain only what the page shows and nothing about this machine."""
    files: dict[str, Path | str] = {}
    for folder, manifest in manifests.items():
        known = {name: manifest[name] for name in _SHOWN[folder] if name in manifest} | manifest.get("files", {})
        refuse_changed(run / folder, known, "demonstrate and evaluate again; cached calls are not repeated")
        names = [*_SHOWN[folder], *(name for name in known if name not in _SHOWN[folder])]
        files |= {f"run/{folder}/{name}": run / folder / name for name in names if (run / folder / name).exists()}
        kept = _of_evaluation(manifest, base) if folder == "evaluation" else _of_demonstrations(manifest, base)
        files[f"run/{folder}/manifest.json"] = json.dumps(kept, indent=1, ensure_ascii=False) + "\n"
    return files


def _of_demonstrations(manifest: Mapping[str, Any], base: str) -> dict[str, Any]:
    return {"model": {"name": base}, "selection": {"judge": manifest.get("selection", {}).get("judge", "")}}


def _of_evaluation(manifest: Mapping[str, Any], base: str) -> dict[str, Any]:
    kept = {key: manifest[key] for key in ("files",) if key in manifest}
    judges = {name: {"name": judge.get("name", "")} for name, judge in manifest.get("judges", {}).items()}
    title = manifest.get("title", "").replace(str(manifest.get("base_model", "")), base)
    empty: dict[str, Any] = {key: {} for key in ("models", "usage", "reused", "training")}
    return kept | {"title": title, "base_model": base, "judges": judges} | empty


def _corpus(run: Path, data: Mapping[str, Any]) -> tuple[str, dict[str, Path | str]]:
    """The option `test_corpus` of the recipe, and the corpus file if the Space cannot read the source itself."""
    source = data.get("test_corpus") or "embedded"
    if source == "embedded" or data.get("retriever") == "given":
        return "embedded", {}
    if source == "questions":
        passages = _shown_passages(run / "evaluation" / "rows.jsonl")
    elif is_hub_id(source):
        return source, {}
    else:  # written again as JSON lines, so that only what the page shows is pushed and all of it can be searched
        split = data.get("corpus_split") or data.get("test_split", "test")
        passages = [asdict(p) for p in read_passages(source, split, columns=data.get("corpus_columns") or ())]
    lines = (json.dumps({key: p[key] for key in ("id", "title", "text")}, ensure_ascii=False) for p in passages)
    return "corpus.jsonl", {"corpus.jsonl": "".join(f"{line}\n" for line in lines)}


def _shown_passages(path: Path) -> list[dict[str, Any]]:
    """All passages that the evaluation showed, without duplicates."""
    if not path.exists():
        raise UserError(f"{path.parent} contains no passages", "evaluate again, or name a corpus in `data`")
    shown = [p for row in read_json_lines(path, EvaluatedRow) for p in row["passages"]]
    return list({(p["id"], p["title"], p["text"]): p for p in shown}.values())


def _weights(folder: Path, base: str) -> dict[str, Path | str]:
    """The trained weights and the files needed to load them; {} if nothing was trained."""
    if not list(folder.glob("*.safetensors")):
        return {}
    whole = not is_adapter(folder)
    found: dict[str, Path | str] = {**weight_files(folder), **config_file(folder, "" if whole else base)}
    found |= tokenizer_files(folder) if whole else {}
    beside = (METHOD_FILE, OPENINGS_FILE, POINT_FILE)
    found |= {name: folder / name for name in beside if (folder / name).exists()}
    return {f"{_MODEL}/{name}": file for name, file in found.items()}


def _metadata(repo_id: str, base: str, adapter: str, license: str) -> dict[str, Any]:
    try:
        gradio = importlib.metadata.version("gradio")
    except importlib.metadata.PackageNotFoundError:
        gradio = ""  # the Space then uses the newest version
    return {
        "title": repo_id.partition("/")[2],
        "sdk": "gradio",
        "sdk_version": gradio,
        "python_version": _PYTHON,
        "app_file": "app.py",
        "license": license,
        "models": [model for model in (base, adapter) if model],
        "tags": ["rag", "abstention", "self-demo"],
    }
