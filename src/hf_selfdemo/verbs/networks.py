"""Models that are asked one after the other, with only one or two in memory at a time."""

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
    """The base model and the trained models. Each is loaded when it is asked, and replaces one asked before.

    An adapter is merged into its own copy of the base, read from disk, because a copy in memory would need twice the
    memory.

    Args:
        recipe: the recipe, which says how models are loaded.
        base: the base model, resolved.
        held: how many models stay in memory; 2 if the base model judges what a trained model writes.

    `tokenizer` is that of the base model. All models use it except those that add tokens.
    """

    def __init__(self, recipe: Recipe, base: ResolvedModel, held: int = 1) -> None:
        self._recipe, self._base, self._most = recipe, base, held
        self.tokenizer = recipe.load_tokenizer(base)
        self._held: OrderedDict[Path | None, tuple[Any, Any, Generator]] = OrderedDict()
        self._identities: dict[Path | None, str] = {}
        self._told: set[Path | None] = set()

    def network(self, folder: Path | None) -> Any:
        """The network with the weights in a folder; None means the base model."""
        return self._loaded(folder)[0]

    def tokenizer_of(self, folder: Path | None) -> Any:
        """The tokenizer of the model in a folder."""
        return self._loaded(folder)[1]

    def engine(self, folder: Path | None) -> Generator:
        """The engine of the model in a folder, which loads the model at its first request."""
        return _Engine(self, folder)

    def stream(self, folder: Path | None, requests: Sequence[Request]) -> Iterator[tuple[int, Reply]]:
        """Send requests to the model in a folder."""
        engine = self._loaded(folder)[2]
        if folder in self._told:
            refuse_other_model(engine.identity, self._identities[folder])
        return engine.stream(requests)

    def identity(self, folder: Path | None) -> str:
        """The identity of the engine. It needs a pass over all weights, so it is computed once."""
        if folder not in self._identities:
            self._identities[folder] = self._loaded(folder)[2].identity
        return self._identities[folder]

    def known(self, identities: Mapping[Path | None, str]) -> None:
        """Set the identities of engines that ran elsewhere, so that no model is loaded only for its identity."""
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
    """The engine of one of several networks."""

    concurrency = 1

    def __init__(self, networks: Networks, folder: Path | None) -> None:
        self._networks, self._folder = networks, folder

    @property
    def identity(self) -> str:
        return self._networks.identity(self._folder)

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply]]:
        return self._networks.stream(self._folder, requests)
