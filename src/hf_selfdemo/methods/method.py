"""The `Method` class: one value that names a method's parts and options. Commands read it and need no method names."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hf_selfdemo.core.artefacts import MethodRecord
from hf_selfdemo.core.errors import UserError, explained
from hf_selfdemo.core.keys import deciding
from hf_selfdemo.core.loading import load, load_own
from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.core.protocols import Answerer, Strategy
from hf_selfdemo.core.types import Evidence
from hf_selfdemo.generation.tuned import check_added
from hf_selfdemo.methods import METHODS
from hf_selfdemo.methods.answering import PromptAnswerer


@dataclass(frozen=True)
class Method:
    """A method: a data strategy, the objectives for its data, an answerer, and its own options.

    Args:
        strategy: makes the strategy that writes and chooses demonstrations. It is called with one object of each class
            in `keys`, in order, and `seed` by name; with `searches_prompts` also `instructions`, the wordings found, by
            source. None for a method that trains nothing.
        keys: dataclasses of its recipe options, each field made by `core.keys.key`. Recipes accept them only with this
            method.
        objectives: the training objectives for its demonstrations; empty for a method that trains nothing.
        rows: what is trained on, for cards; completes "The rows are ...".
        templates: patterns of the templates that its strategy fills, below `prompting/templates`.
        templates_of: further patterns by option. They count only if the option is neither 0 nor false, so that an
            option that a later version adds does not change the method's identity until it is used.
        reads_documents: whether every passage of the train corpus is a row too (`data.documents.rows`).
        replays: whether up to `replay_rows` instructions of `replay_instructions` are rows too; both are its options.
        gold_targets: whether it trains on gold answers or texts of documents, even if it calls the model.
        sees_gold: whether requests of its strategy show the gold answer, which cards then say.
        in_process: options by name, each with the only value that works with a server. Any other value needs the model
            in this process, for likelihoods of given texts or predictions of layers.
        asks: whether demonstrating always calls a model; gold answers need none.
        searches_prompts: whether it uses wordings of prompt search.
        tokens: control tokens that it adds to the vocabulary; they are trained and saved with the adapter.
        refuses: checks the rows before any model is loaded, and raises an error if no demonstration can be made.
        answerer: makes the answerer, called with the same option objects, and `max_answer_tokens` and `seed` by name.
            None means one greedy call with the prompt of the mode.
        sessions: makes the sessions in which GRPO's replies are criticised and attempted again, called with the same
            option objects (`methods.corgi.Sessions`). None makes each reply a single attempt.
        gated: whether its answerer is a `lagr_seq.Gated`, whose gate the command `gate` fits on dev questions.

    Relations: a method is one file with a `METHOD`, and one row in `METHODS`.
    """

    strategy: Callable[..., Strategy] | None = None
    keys: tuple[type, ...] = ()
    objectives: tuple[str, ...] = ()
    rows: str = ""
    templates: tuple[str, ...] = ()
    templates_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reads_documents: bool = False
    replays: bool = False
    gold_targets: bool = False
    sees_gold: bool = False
    in_process: Mapping[str, Any] = field(default_factory=dict)
    asks: bool = True
    searches_prompts: bool = False
    tokens: tuple[str, ...] = ()
    refuses: Callable[[Iterable[Evidence]], None] | None = None
    answerer: Callable[..., Answerer] | None = None
    sessions: Callable[..., Any] | None = None
    gated: bool = False

    @property
    def trains(self) -> bool:
        """Whether the method makes training data; otherwise it only answers."""
        return bool(self.objectives)


def own_words(name: str) -> bool:
    """Whether the training targets of a method are the model's own words instead of gold answers.

    Args:
        name: name of the method in a manifest; an unknown method counts as one that calls the model.

    Example:
        >>> own_words("self_demo"), own_words("ra_it")
        (True, False)
    """
    method = known_method(name)
    return method.asks and not method.gold_targets


def known_method(name: str) -> Method:
    """A method by its name in a manifest; an unknown name, from another version, gives an empty `Method`.

    Args:
        name: name of the method in a manifest.

    Raises:
        UserError: for a method from outside this package that `find_method` has not loaded before.

    Example:
        >>> known_method("reflection_tuning").sees_gold, known_method("of another version").rows
        (True, '')
    """
    if ":" in name:
        return _own_method(name, "a manifest")
    found: Method = load("method", name, METHODS) if name in METHODS else Method()
    return found


def find_method(name: str) -> Method:
    """A method by its name in the table, or a method of your own by `package.module:METHOD`.

    Args:
        name: the value of `method` in a recipe.

    Raises:
        UserError: if the name is unknown, cannot be imported, or is not a `Method` with options made by
            `core.keys.key`.

    Example:
        >>> find_method("raft").objectives
        ('sft',)
    """
    if ":" not in name:
        found: Method = load("method", name, METHODS)
        return found
    own = load_own("method", name)
    if not isinstance(own, Method):
        raise UserError(
            f"the method {name!r} is a {type(own).__name__}", "name a Method from hf_selfdemo.methods.method"
        )
    for f in (f for group in own.keys for f in dataclasses.fields(group)):
        if not f.metadata.keys() >= {"help", "decides"}:
            what = f"the method {name!r} has the option {f.name!r}, which does not say what it decides"
            raise UserError(what, "make it with hf_selfdemo.core.keys.key")
    _OWN[name] = own
    return own


_OWN: dict[str, Method] = {}
"""Methods from outside this package that a recipe or script has named. Only these are trusted: a file from someone else
may name any module, which must not be imported."""


def _own_method(name: str, where: str) -> Method:
    """A method from outside this package, if a recipe or script has named it before."""
    if name not in _OWN:
        what = f"{where} names the method {name!r}, which is code from outside this package"
        raise UserError(what, f"if you trust it, set method: {name}, or call find_method({name!r}) in Python")
    return _OWN[name]


@dataclass(frozen=True)
class Chosen:
    """A method with its name and the values of its options."""

    name: str
    method: Method
    keys: tuple[Any, ...]

    def strategy(self, seed: int = 0, instructions: Any = None) -> Strategy:
        """The strategy with these options.

        Args:
            seed: seed of everything drawn and sampled.
            instructions: wordings found by prompt search, by source.

        Raises:
            UserError: if the method trains nothing, or the strategy rejects the options.
        """
        self.refuse_training()
        assert self.method.strategy is not None, f"{self.name} has objectives but no strategy"
        found = {"instructions": instructions or {}} if self.method.searches_prompts else {}
        return self.method.strategy(*self.keys, seed=seed, **found)

    @property
    def in_process(self) -> dict[str, Any]:
        """The options that need the model in this process, each with the value that does not."""
        return {key: value for key, value in self.method.in_process.items() if self.get(key) != value}

    @property
    def asks(self) -> bool:
        """Whether demonstrating calls a model."""
        return self.method.asks or bool(self.in_process)

    def refuse_training(self) -> None:
        """Raise an error for a method without training.

        Raises:
            UserError: if the method trains nothing.
        """
        if not self.method.trains:
            raise UserError(f"method {self.name!r} trains nothing", "run `hf-selfdemo evaluate` to compare it")

    def answerer(self, max_answer_tokens: int = 32, seed: int = 0) -> Answerer:
        """The answerer with these options.

        Args:
            max_answer_tokens: longest answer, in tokens.
            seed: seed of everything sampled.

        Raises:
            UserError: if the answerer rejects the options.
        """
        if self.method.answerer is None:
            return PromptAnswerer(max_answer_tokens)
        return self.method.answerer(*self.keys, max_answer_tokens=max_answer_tokens, seed=seed)

    def sessions(self) -> Any:
        """The sessions in which GRPO's replies are criticised, with these options; None for single attempts.

        Raises:
            UserError: if the critics cannot be made.
        """
        return None if self.method.sessions is None else self.method.sessions(*self.keys)

    def recipe_keys(self) -> dict[str, Any]:
        """Its name and options as in a recipe."""
        return {"method": self.name} | {k: v for group in self.keys for k, v in dataclasses.asdict(group).items()}

    def record(self) -> dict[str, Any]:
        """Its name and options for `METHOD_FILE`, which `recorded_method` reads."""
        keys = self.recipe_keys()
        return {"method": keys.pop("method"), "keys": keys}

    @property
    def templates(self) -> tuple[str, ...]:
        """Patterns of the templates that its strategy fills with these options."""
        more = self.method.templates_of.items()
        return (*self.method.templates, *(pattern for name, patterns in more if self.get(name) for pattern in patterns))

    def deciding(self, *decides: Any) -> dict[str, Any]:
        """Its options that decide one of these things, with their values."""
        return {name: value for group in self.keys for name, value in deciding(group, *decides).items()}

    def get(self, key: str, default: Any = None) -> Any:
        """The value of one of its options; `default` if the method has no such option."""
        for group in self.keys:
            if key in (f.name for f in dataclasses.fields(group)):
                return getattr(group, key)
        return default


_NEWER = "use the version of hf_selfdemo that wrote it"

METHOD_FILE = "method.json"
"""The file in a model's folder that names its method."""


def recorded_method(folder: Path | None) -> Chosen | None:
    """The method of the model in a folder; None if the folder does not name one.

    Args:
        folder: folder of a model; None for a model that was not trained here.

    Raises:
        UserError: if the method or one of its options is unknown, or the model lacks one of its tokens.

    Example:
        >>> import tempfile; from hf_selfdemo.core.manifest import write_json
        >>> folder = Path(tempfile.mkdtemp())
        >>> write_json(folder / METHOD_FILE, {"method": "raft", "keys": {"oracle_share": 0.5}})
        >>> recorded_method(folder).get("oracle_share"), recorded_method(folder / "elsewhere")
        (0.5, None)
    """
    if folder is None or not (path := folder / METHOD_FILE).exists():
        return None
    found = read_json(path, MethodRecord)
    name, values = found["method"], dict(found["keys"])
    if name not in METHODS and ":" not in name:
        raise UserError(f"{path} names the method {name!r}, which this version does not have", _NEWER)
    method = find_method(name) if name in METHODS else _own_method(name, str(path))
    known = {f.name for group in method.keys for f in dataclasses.fields(group)}
    if strange := [key for key in values if key not in known]:
        raise UserError(f"{path} names the option {strange[0]!r}, which method {name!r} does not have", _NEWER)
    check_added(folder, method.tokens, name)
    with explained(f"{path} has options that method {name!r} does not accept", _NEWER):
        keys = tuple(
            group(**{f.name: values[f.name] for f in dataclasses.fields(group) if f.name in values})
            for group in method.keys
        )
    return Chosen(name, method, keys)
