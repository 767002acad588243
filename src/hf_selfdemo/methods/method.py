"""What a method is: one value that names its parts and its keys. Verbs ask it instead of knowing methods by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hf_selfdemo.core.keys import deciding
from hf_selfdemo.core.loading import load
from hf_selfdemo.core.protocols import Strategy
from hf_selfdemo.methods import METHODS


@dataclass(frozen=True)
class Method:
    """A data strategy, the objectives its data serve, and keys of its own.

    Args:
        strategy: makes the strategy that writes and chooses demonstrations, from an object of each class of `keys`, in
            their order, and `seed` by name; with `searches_prompts` also `instructions`, the wordings found, by source.
            None for a method that trains nothing.
        keys: dataclasses of its recipe keys, each field made by `core.keys.key`. Recipes know them with this method
            only.
        objectives: what its demonstrations may be trained with; none for a method that trains nothing.
        templates: patterns of the templates that its strategy fills, below `prompting/templates`.
        asks: whether demonstrating calls a model; gold answers need none.
        searches_prompts: whether it takes wordings of prompt search.

    Relations: `METHODS` lists them; a method is one file with a `METHOD`, and one row there.
    """

    strategy: Callable[..., Strategy] | None = None
    keys: tuple[type, ...] = ()
    objectives: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    asks: bool = True
    searches_prompts: bool = False


def own_words(name: str) -> bool:
    """Whether the targets of a method are what a model wrote, and no gold answers.

    Args:
        name: of the method, as a manifest has it; one that is not in the table here is taken for one that asks.

    Example:
        >>> own_words("self_demo"), own_words("ra_it")
        (True, False)
    """
    return name not in METHODS or load("method", name, METHODS).asks


@dataclass(frozen=True)
class Chosen:
    """A method under its name, with the values of its keys."""

    name: str
    method: Method
    keys: tuple[Any, ...]

    def strategy(self, seed: int = 0, instructions: Any = None) -> Strategy:
        """The strategy that these keys make.

        Args:
            seed: of everything drawn and sampled.
            instructions: wordings found by prompt search, by source.

        Raises:
            UserError: for keys that no strategy can be made of.
        """
        assert self.method.strategy is not None, f"{self.name} trains nothing"
        found = {"instructions": instructions or {}} if self.method.searches_prompts else {}
        return self.method.strategy(*self.keys, seed=seed, **found)

    def deciding(self, *decides: Any) -> dict[str, Any]:
        """Its keys that decide one of these things, with their values."""
        return {name: value for group in self.keys for name, value in deciding(group, *decides).items()}

    def get(self, key: str, default: Any = None) -> Any:
        """The value of one of its keys; the default where the method has no such key."""
        for group in self.keys:
            if key in (f.name for f in dataclasses.fields(group)):
                return getattr(group, key)
        return default
