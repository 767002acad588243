"""Demonstrations as a builder of the `datasets` library. The dataset is cached, and made again if any input changes.

CACHE_DIR/hf_selfdemo/
    CONFIG/VERSION/HASH/    the dataset, and manifest.json with counts, costs and versions
    work/KEY/               one part of the data, as `hf-selfdemo demonstrate` writes it; may be deleted
    ledger.sqlite           the generation cache; a cached call is never made again
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Sequence
from itertools import islice
from os import PathLike, fspath
from typing import Any

import datasets
from fsspec.core import url_to_fs

from hf_selfdemo.core.artefacts import BuiltDataset, Demonstrations
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.loading import did_you_mean, load
from hf_selfdemo.core.manifest import fingerprint, parse_object, read_json
from hf_selfdemo.data.rows import FEATURES, features_of
from hf_selfdemo.methods import METHODS
from hf_selfdemo.recipe.own_keys import key_names
from hf_selfdemo.recipe.recipe_file import read_yaml
from hf_selfdemo.verbs.work import Work, read_rows

CONFIGS = {
    "sft": "Demonstrations in the model's own words, answers and abstentions.",
    "preference": "Those demonstrations that have a rejected text beside the chosen one.",
    "ra_it": "The RA-IT baseline: gold answers as targets.",
    "raft": "The RAFT baseline: gold answers as targets, for a share of the rows with distractors only.",
}
"""The content of each configuration. All have the same columns."""

_ELSEWHERE = {"output_dir": "use cache_dir instead", "shard": "use num_proc of download_and_prepare instead"}


_FROM_DOCUMENTS = (
    "run `hf-selfdemo documents` and `hf-selfdemo questions`, then set documents=[] and name the files they wrote: "
    "passages.jsonl as train_corpus and test_corpus, train_questions.jsonl and test_questions.jsonl as questions"
)


class SelfDemoBuilder(datasets.GeneratorBasedBuilder):
    """Builds a demonstration dataset from a recipe, like any builder of `datasets`.

    A second builder with the same inputs reads the cache and loads no model. The cache key covers everything that
    decides the rows: the model's files, prompts, content of questions and corpus, options, code and versions. After a
    change, or after an interruption, only calls are made that are not in the generation cache.

    Args:
        config_name: "sft" (all demonstrations), "preference" (those with a rejected text), or a baseline, "ra_it" or
            "raft" (gold targets, no model needed).
        recipe: path of a recipe file. Its training and evaluation options have no effect. For a baseline, options of
            other methods have no effect either.
        splits: parts of the data, "train" and "test". "test" uses the recipe's test questions, test corpus and other
            test options, for held-out preference and evaluation sets. It uses the searched prompts of "train".
        cache_dir: cache folder; default: that of `datasets`.
        keys: options of the recipe by name, which override the file.

    `download_and_prepare(num_proc=n)` makes the calls in `n` processes, each with its own copy of the model. The rows
    are the same for every `n`. With `engine: server`, threads make the calls, and processes are not needed.

    Raises:
        UserError: for an unknown configuration, split or option, for `documents`, or if a recipe, source or model
            cannot be read. While preparing: for everything that `hf-selfdemo demonstrate` rejects, if a server fails
            to answer calls, or if an input changes.

    Relations: `hf-selfdemo demonstrate` makes the same rows in a run's folder, for `hf-selfdemo train`. The method is
    that of Finlayson et al. 2025 (arXiv 2502.10596).

    Example:
        >>> import tempfile
        >>> builder = SelfDemoBuilder("ra_it", max_train_questions=3, cache_dir=tempfile.mkdtemp())
        >>> builder.download_and_prepare()
        >>> builder.as_dataset(split="train").num_rows
        3
        >>> sorted(builder.manifest["splits"]["train"]["outcomes"])
        ['answers (from gold candidates)']
    """

    VERSION = datasets.Version("1.0.0")  # of the columns; everything else is in the hash
    BUILDER_CONFIGS = [  # noqa: RUF012  # as in every builder
        datasets.BuilderConfig(name, datasets.Version("1.0.0"), description=text) for name, text in CONFIGS.items()
    ]
    DEFAULT_CONFIG_NAME = "sft"

    def __init__(
        self,
        config_name: str = "sft",
        *,
        recipe: str | PathLike[str] | None = None,
        splits: str | Sequence[str] = ("train",),
        cache_dir: str | PathLike[str] | None = None,
        **keys: Any,
    ) -> None:
        self._parts = _checked_parts(splits)
        self._work = Work(_keys(config_name, recipe, keys), self._parts)
        self.recipe = self._work.recipe
        if config_name == "preference" and "dpo" not in self.recipe.method.method.objectives:
            raise UserError(f"method {self.recipe.method.name!r} makes no rejected texts", "use method self_demo")
        super().__init__(
            cache_dir=None if cache_dir is None else fspath(cache_dir),
            dataset_name="hf_selfdemo",
            config_name=config_name,
            hash=fingerprint(self._work.names),
        )
        self._home = posixpath.join(self._cache_dir_root, self.dataset_name)

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest of the prepared dataset: for each split, the manifest that `hf-selfdemo demonstrate` writes.

        Raises:
            UserError: if the dataset has not been prepared.
        """
        try:
            text = self._fs.cat_file(posixpath.join(self._output_dir, "manifest.json"))
        except FileNotFoundError:
            raise UserError(f"there is no dataset in {self._output_dir}", "call download_and_prepare") from None
        return parse_object(text, f"{self._output_dir}/manifest.json", BuiltDataset)

    def download_and_prepare(
        self, output_dir: Any = None, download_config: Any = None, download_mode: Any = None, **options: Any
    ) -> None:
        """As in any builder, but a folder with another dataset is rejected, which `datasets` would read as this one."""
        again = download_mode is not None and datasets.DownloadMode(download_mode) != "reuse_dataset_if_exists"
        if output_dir is not None and not again:
            output_dir = str(output_dir)
            self._refuse_another(output_dir, options.get("storage_options") or {})
        super().download_and_prepare(output_dir, download_config, download_mode, **options)

    def _refuse_another(self, folder: str, storage_options: dict[str, Any]) -> None:
        files, path = url_to_fs(folder, **storage_options)
        if not files.exists(posixpath.join(path, "dataset_info.json")):
            return
        try:
            found = parse_object(files.cat_file(posixpath.join(path, "manifest.json")), f"{folder}/manifest.json")
        except FileNotFoundError:
            found = {}
        if (found.get("config"), found.get("hash")) != (self.config.name, self.hash):
            raise UserError(
                f"{folder} contains another dataset", "choose another folder, or download_mode='force_redownload'"
            )

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(description=self.config.description, features=FEATURES.copy())

    def _download_and_prepare(
        self, dl_manager: Any, verification_mode: Any, num_proc: int | None = None, **options: Any
    ) -> None:
        if dl_manager.download_config.force_download:
            self._work.forget(self._home)
        made = {part: fspath(self._work.made(part, self._home, num_proc or 1)) for part in self._parts}
        self._refuse_nothing(made)
        manifests = {part: read_json(f"{folder}/manifest.json", Demonstrations) for part, folder in made.items()}
        content = {"config": self.config.name, "hash": self.hash, "splits": manifests}
        with self._fs.open(posixpath.join(self._output_dir, "manifest.json"), "w", encoding="utf-8") as out:
            json.dump(content, out, indent=1, ensure_ascii=False, sort_keys=True)
        # without num_proc: abstentions are selected over all rows, and writing takes no time
        super()._download_and_prepare(dl_manager, verification_mode, **options)

    def _refuse_nothing(self, made: dict[str, str]) -> None:
        """Reject an empty split, which could be written but not read."""
        for part, folder in made.items():
            if next(self._generate_examples(folder), None) is None:
                raise UserError(
                    f"no row is left for configuration {self.config.name!r}, split {part!r}",
                    f"look up the reasons in {folder}/demonstrations/manifest.json",
                )

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        made = {part: fspath(self._work.made(part, self._home)) for part in self._parts}
        first = [row for folder in made.values() for row in islice(read_rows(folder), 1)]
        if any("kind" in row for row in first):
            self.info.features = features_of(first).copy()
        return [datasets.SplitGenerator(part, {"folder": folder}) for part, folder in made.items()]

    def _generate_examples(self, folder: str) -> Iterator[tuple[int, dict[str, Any]]]:
        for i, row in enumerate(read_rows(folder)):
            if row["rejected"] or self.config.name != "preference":
                yield i, {name: row.get(name) for name in self.info.features}


def _checked_parts(splits: str | Sequence[str]) -> tuple[str, ...]:
    parts = (splits,) if isinstance(splits, str) else tuple(dict.fromkeys(splits))
    for part in parts or ("",):
        if part not in ("train", "test"):
            raise UserError(f"there is no split {part!r}", "use train, test or both")
    return parts


def _keys(config_name: str, recipe: str | PathLike[str] | None, given: dict[str, Any]) -> dict[str, Any]:
    """All options of the recipe: those of the file, those given by name, and the method of the configuration."""
    if config_name not in CONFIGS:
        raise UserError(f"unknown configuration {config_name!r}", did_you_mean(config_name, list(CONFIGS)))
    for key in given.keys() & _ELSEWHERE.keys():
        raise UserError(f"{key} cannot be set for the builder", _ELSEWHERE[key])
    keys = read_yaml(fspath(recipe)) if recipe is not None else {}
    keys |= {key: _plain(value) for key, value in given.items()}
    if keys.get("documents"):
        raise UserError("the builder cannot read documents", _FROM_DOCUMENTS)
    if config_name not in METHODS:
        return keys
    if given.get("method", config_name) != config_name:
        raise UserError(f"configuration {config_name!r} decides the method", "leave method out, or use 'sft'")
    of_methods = {name: set(key_names(load("method", name, METHODS).keys)) for name in METHODS}
    unknown = set().union(*of_methods.values()) - of_methods[config_name]
    return {key: value for key, value in keys.items() if key not in unknown} | {"method": config_name}


def _plain(value: Any) -> Any:
    """Convert a value to one that a recipe file could contain."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return fspath(value) if isinstance(value, PathLike) else value
