"""What a method is: one value that names its parts and its keys. Verbs ask it instead of knowing methods by name."""

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
    """A data strategy, the objectives its data serve, a way of answering, and keys of its own.

    Args:
        strategy: makes the strategy that writes and chooses demonstrations, from an object of each class of `keys`, in
            their order, and `seed` by name; with `searches_prompts` also `instructions`, the wordings found, by source.
            None for a method that trains nothing.
        keys: dataclasses of its recipe keys, each field made by `core.keys.key`. Recipes know them with this method
            only.
        objectives: what its demonstrations may be trained with; none for a method that trains nothing.
        rows: what is trained, for cards: completes "The rows are ...".
        templates: patterns of the templates that its strategy fills, below `prompting/templates`.
        templates_of: further patterns by the key without which, at 0 or false, nobody fills them: what a later version
            adds is not another method until it is used.
        reads_documents: every passage of the train corpus is a row of its own besides the questions
            (`data.documents.rows`).
        replays: instructions of `replay_instructions` are rows, too, up to `replay_rows`, both keys of its own.
        gold_targets: what is trained are gold answers or texts of documents, though the model may be asked.
        sees_gold: requests of its strategy show the gold answer, which a card says.
        in_process: a key of its own with the only value that does not need the model in this process. With any other
            the method asks for what no server tells: likelihoods of given texts, or what layers predict.
        asks: whether demonstrating calls a model whatever its keys say; gold answers need none.
        searches_prompts: whether it takes wordings of prompt search.
        tokens: control tokens that it adds to the vocabulary; they are trained with the adapter and saved with it.
        refuses: looks at the rows before any model is loaded, and raises where nothing could be made of them.
        answerer: makes what asks the model, from the same objects of keys, and `max_answer_tokens` and `seed` by name.
            None asks in one greedy call under the prompt of the mode.
        sessions: makes how GRPO's replies are criticised and tried again, from the same objects of keys
            (`methods.corgi.Sessions`). None has each reply stand alone.
        gated: its answerer is a `lagr_seq.Gated`, which takes a gate that the verb `gate` fits on dev questions.

    Relations: `METHODS` lists them; a method is one file with a `METHOD`, and one row there.
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
        """Whether there is anything to train; else it is a way of answering alone."""
        return bool(self.objectives)


def own_words(name: str) -> bool:
    """Whether the targets of a method are what a model wrote, and no gold answers.

    Args:
        name: of the method, as a manifest has it; one that is not in the table here is taken for one that asks.

    Example:
        >>> own_words("self_demo"), own_words("ra_it")
        (True, False)
    """
    method = known_method(name)
    return method.asks and not method.gold_targets


def known_method(name: str) -> Method:
    """A method by its name; one that is not in the table here, as in manifests of other versions, tells nothing of its
    own.

    Args:
        name: of the method, as a manifest has it.

    Raises:
        UserError: for a method of somebody's own that `find_method` has not found before.

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
        name: as a recipe has it.

    Raises:
        UserError: for an unknown name, and for what cannot be imported or is not a `Method` with keys made by
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
        raise UserError(f"the method {name!r} is a {type(own).__name__}", "name a Method of hf_selfdemo.methods.method")
    for f in (f for group in own.keys for f in dataclasses.fields(group)):
        if not f.metadata.keys() >= {"help", "decides"}:
            what = f"the method {name!r} has the key {f.name!r}, which does not say what it decides"
            raise UserError(what, "make it by hf_selfdemo.core.keys.key")
    _OWN[name] = own
    return own


_OWN: dict[str, Method] = {}
"""Methods of the user's own that a recipe or a script has named. A file of somebody else's may name any module, which
is not imported for that."""


def _own_method(name: str, where: str) -> Method:
    """A method of the user's own, if it was named before."""
    if name not in _OWN:
        what = f"{where} names the method {name!r}, which is code from outside this package"
        raise UserError(what, f"if you trust it, set method: {name}, or call find_method({name!r}) in Python")
    return _OWN[name]


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
            UserError: if the method trains nothing, or for keys that no strategy can be made of.
        """
        self.refuse_training()
        assert self.method.strategy is not None, f"{self.name} has objectives and no strategy"
        found = {"instructions": instructions or {}} if self.method.searches_prompts else {}
        return self.method.strategy(*self.keys, seed=seed, **found)

    @property
    def in_process(self) -> dict[str, Any]:
        """The keys for which the model must be in this process, each with the value that needs no such model."""
        return {key: value for key, value in self.method.in_process.items() if self.get(key) != value}

    @property
    def asks(self) -> bool:
        """Whether demonstrating calls a model."""
        return self.method.asks or bool(self.in_process)

    def refuse_training(self) -> None:
        """Let no work begin that such a method has no use for.

        Raises:
            UserError: if the method trains nothing.
        """
        if not self.method.trains:
            raise UserError(f"method {self.name!r} trains nothing", "run `hf-selfdemo evaluate` to compare it")

    def answerer(self, max_answer_tokens: int = 32, seed: int = 0) -> Answerer:
        """The answerer that these keys make.

        Args:
            max_answer_tokens: longest answer.
            seed: of everything sampled.

        Raises:
            UserError: for keys that no answerer can be made of.
        """
        if self.method.answerer is None:
            return PromptAnswerer(max_answer_tokens)
        return self.method.answerer(*self.keys, max_answer_tokens=max_answer_tokens, seed=seed)

    def sessions(self) -> Any:
        """The sessions that these keys make, in which GRPO's replies are criticised; None for replies that stand alone.

        Raises:
            UserError: for keys that no critics can be made of.
        """
        return None if self.method.sessions is None else self.method.sessions(*self.keys)

    def recipe_keys(self) -> dict[str, Any]:
        """Its name and keys as a recipe has them."""
        return {"method": self.name} | {k: v for group in self.keys for k, v in dataclasses.asdict(group).items()}

    def record(self) -> dict[str, Any]:
        """Its name and keys for `METHOD_FILE`; `recorded_method` reads them again."""
        keys = self.recipe_keys()
        return {"method": keys.pop("method"), "keys": keys}

    @property
    def templates(self) -> tuple[str, ...]:
        """Patterns of the templates that its strategy fills with these keys."""
        more = self.method.templates_of.items()
        return (*self.method.templates, *(pattern for name, patterns in more if self.get(name) for pattern in patterns))

    def deciding(self, *decides: Any) -> dict[str, Any]:
        """Its keys that decide one of these things, with their values."""
        return {name: value for group in self.keys for name, value in deciding(group, *decides).items()}

    def get(self, key: str, default: Any = None) -> Any:
        """The value of one of its keys; the default where the method has no such key."""
        for group in self.keys:
            if key in (f.name for f in dataclasses.fields(group)):
                return getattr(group, key)
        return default


_NEWER = "use the version that wrote it"

METHOD_FILE = "method.json"
"""The file in a model's folder that says which method made it."""


def recorded_method(folder: Path | None) -> Chosen | None:
    """The method that the model in a folder was made by; None where nothing says so, as in folders of other makers.

    Args:
        folder: of a model; None is a model that nobody here trained.

    Raises:
        UserError: if the method, or one of its keys, is not known here, or the model lacks one of its tokens.

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
        raise UserError(f"{path} names the method {name!r}, which is not known here", _NEWER)
    method = find_method(name) if name in METHODS else _own_method(name, str(path))
    known = {f.name for group in method.keys for f in dataclasses.fields(group)}
    if strange := [key for key in values if key not in known]:
        raise UserError(f"{path} names the key {strange[0]!r}, which method {name!r} does not have", _NEWER)
    check_added(folder, method.tokens, name)
    with explained(f"{path} holds keys that method {name!r} does not take", _NEWER):
        keys = tuple(
            group(**{f.name: values[f.name] for f in dataclasses.fields(group) if f.name in values})
            for group in method.keys
        )
    return Chosen(name, method, keys)
