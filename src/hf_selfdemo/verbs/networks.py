"""Models that are asked one after the other, of which memory holds one at a time, however many there are."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_selfdemo.core.memory import give_back
from hf_selfdemo.core.protocols import Generator
from hf_selfdemo.core.types import Reply, Request
from hf_selfdemo.generation.models import ResolvedModel
from hf_selfdemo.recipe.engine import in_process, refuse_other_model
from hf_selfdemo.recipe.recipe import Recipe


class Networks:
    """The base model and what was trained on it: each is loaded when it is asked, and lets go of one asked before.

    An adapter is merged into a base of its own, read from the disk again: a copy in memory would be a second model.

    Args:
        recipe: how they are loaded.
        base: found already.
        held: how many stay; 2 where the base has to judge what another one writes.

    `tokenizer` is the base's, with which all are asked but those that add tokens.
    """

    def __init__(self, recipe: Recipe, base: ResolvedModel, held: int = 1) -> None:
        self._recipe, self._base, self._most = recipe, base, held
        self.tokenizer = recipe.load_tokenizer(base)
        self._held: OrderedDict[Path | None, tuple[Any, Any, Generator]] = OrderedDict()
        self._identities: dict[Path | None, str] = {}
        self._told: set[Path | None] = set()

    def network(self, folder: Path | None) -> Any:
        """The network whose weights are in a folder; None is the base."""
        return self._loaded(folder)[0]

    def tokenizer_of(self, folder: Path | None) -> Any:
        """The tokenizer that it is asked with."""
        return self._loaded(folder)[1]

    def engine(self, folder: Path | None) -> Generator:
        """Who asks it, and loads it when there is something to ask."""
        return _Engine(self, folder)

    def stream(self, folder: Path | None, requests: Sequence[Request]) -> Iterator[tuple[int, Reply]]:
        """Ask it."""
        engine = self._loaded(folder)[2]
        if folder in self._told:
            refuse_other_model(engine.identity, self._identities[folder])
        return engine.stream(requests)

    def identity(self, folder: Path | None) -> str:
        """The name of its engine, which takes a pass over all weights and is made once."""
        if folder not in self._identities:
            self._identities[folder] = self._loaded(folder)[2].identity
        return self._identities[folder]

    def known(self, identities: Mapping[Path | None, str]) -> None:
        """Take the names of engines that were asked elsewhere, so that no model is loaded for its name alone."""
        self._identities |= identities
        self._told |= identities.keys()

    def _loaded(self, folder: Path | None) -> tuple[Any, Any, Generator]:
        if folder not in self._held:
            while len(self._held) >= self._most:
                self._held.popitem(last=False)
            give_back()  # before the next one is loaded
            resolved = self._base if folder is None else self._recipe.resolve_tuned(folder)
            network, tokenizer = self._recipe.load(resolved)
            self._held[folder] = network, tokenizer, in_process(self._recipe, network, tokenizer)
        self._held.move_to_end(folder)
        return self._held[folder]


class _Engine:
    """The engine over one of several networks."""

    concurrency = 1

    def __init__(self, networks: Networks, folder: Path | None) -> None:
        self._networks, self._folder = networks, folder

    @property
    def identity(self) -> str:
        return self._networks.identity(self._folder)

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply]]:
        return self._networks.stream(self._folder, requests)
