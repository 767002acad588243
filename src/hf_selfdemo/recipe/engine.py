"""The engine that a recipe names, behind the generation cache, and the judges that use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from hf_selfdemo.core.console import say
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.loading import did_you_mean, load
from hf_selfdemo.core.protocols import Generator, Judge
from hf_selfdemo.core.types import Reply, Request
from hf_selfdemo.generation.models import ResolvedModel
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.judging import JUDGES
from hf_selfdemo.recipe.own_code import own_judge
from hf_selfdemo.recipe.recipe import Recipe

if TYPE_CHECKING:
    from hf_selfdemo.generation.server import ServerGenerator

ENGINES = ("transformers", "server")

OnText: TypeAlias = Callable[[Request, str], None]
"""Called after every token with a request and its reply so far."""


@dataclass
class Engine:
    """A generator behind the generation cache. `network` and `tokenizer` are set if the model runs in this process."""

    generator: RecordedGenerator
    network: Any = None
    tokenizer: Any = None


class LateEngine:
    """An `Engine` that loads its model at the first request that is not in the cache, or when `network` is used.

    Args:
        recipe: the recipe, which names the engine.
        model: the model that generates.
        identity: the identity that the loaded engine must have.
    """

    def __init__(self, recipe: Recipe, model: ResolvedModel, identity: str) -> None:
        self._recipe, self._model = recipe, model
        self.generator = RecordedGenerator(_Late(self, identity), Ledger(ledger_path(recipe)))

    @cached_property
    def engine(self) -> Engine:
        """The engine, with its model loaded."""
        made = open_engine(self._recipe, self._model)
        refuse_other_model(made.generator.identity, self.generator.identity)
        return made

    @property
    def network(self) -> Any:
        """The model, or None if it runs elsewhere."""
        return self.engine.network if self._recipe.engine.engine == "transformers" else None

    @property
    def tokenizer(self) -> Any:
        """The model's tokenizer, or None if it runs elsewhere."""
        return self.engine.tokenizer if self._recipe.engine.engine == "transformers" else None


class _Late:
    """The generator of a `LateEngine`."""

    concurrency = 1

    def __init__(self, late: LateEngine, identity: str) -> None:
        self._late, self.identity = late, identity

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply]]:
        return self._late.engine.generator.generator.stream(requests)


def refuse_other_model(here: str, elsewhere: str) -> None:
    """Check that this machine loaded the same model as another machine.

    Raises:
        UserError: if the two identities differ.
    """
    if here != elsewhere:
        what = f"two machines loaded different models, {elsewhere} and {here}"
        raise UserError(what, "give all machines the same files and the same dtype (not auto)")


def ledger_path(recipe: Recipe) -> Path:
    """The file of the generation cache."""
    return Path(recipe.engine.ledger or recipe.output_dir / "ledger.sqlite")


def named_model(recipe: Recipe) -> ResolvedModel:
    """Find the model that generates, without loading it.

    Raises:
        UserError: for an unknown engine, a server without an address, or a model that cannot be found.
    """
    e = recipe.engine
    if e.engine not in ENGINES:
        raise UserError(f"unknown engine {e.engine!r}", did_you_mean(e.engine, list(ENGINES)))
    if e.engine == "transformers":
        return recipe.resolve()
    if not e.server_url:
        raise UserError("engine is 'server' and server_url is not set", "add it, e.g. http://localhost:8000/v1")
    name = e.server_model or recipe.model_name
    return ResolvedModel(name, "", f"server/{name}")


def open_engine(recipe: Recipe, model: ResolvedModel, ledger: Ledger | None = None) -> Engine:
    """Load the model or connect to the server, behind the generation cache (default: the recipe's)."""
    ledger, e = ledger or Ledger(ledger_path(recipe)), recipe.engine
    if e.engine == "transformers":
        network, tokenizer = recipe.load(model)
        return Engine(RecordedGenerator(in_process(recipe, network, tokenizer), ledger), network, tokenizer)
    return Engine(RecordedGenerator(at_server(recipe, model.name), ledger))


def at_server(recipe: Recipe, model: str, logprobs: bool = False) -> ServerGenerator:
    """The engine over the server at `server_url`.

    Args:
        recipe: says where it is and how it is called.
        model: its name on the server.
        logprobs: whether to ask how likely the replies were.
    """
    from hf_selfdemo.generation.server import ServerGenerator

    e = recipe.engine
    return ServerGenerator(
        base_url=e.server_url or "",
        model=model,
        concurrency=e.server_concurrency,
        timeout_s=e.server_timeout_s,
        max_retries=e.server_retries,
        api_key_env=e.server_key_variable,
        structured_output=e.server_choices,
        logprobs=logprobs,
        on_notice=say,
    )


def in_process(recipe: Recipe, network: Any, tokenizer: Any, on_text: OnText | None = None) -> Generator:
    """The transformers engine of a loaded model. `on_text` is called after every token."""
    from hf_selfdemo.generation.transformers import TransformersGenerator

    e = recipe.engine
    cache = e.prefix_cache_gb
    return TransformersGenerator(network, tokenizer, e.generation_batch_size, prefix_cache_gb=cache, on_text=on_text)


def recipe_judge(recipe: Recipe, name: str) -> Judge:
    """Make the judge of that name with the recipe's options. A judge of the user's own gets no options."""
    if ":" in name:
        return own_judge(name)
    j = recipe.judge
    kind = load("judge", name, JUDGES)
    keys: dict[str, Any] = {}
    if name != "answer_match":
        keys = {
            "passages": j.judge_passages,
            "tries": j.judge_tries,
            "reasoning": j.judge_reasoning,
            "max_new_tokens": j.max_judge_tokens,
            "seed": recipe.demonstrate.demonstrate_seed,
        }
    if name == "tournament":
        keys |= {"bracket": j.bracket_size, "orders": j.judge_orders}
    judge: Judge = kind(**keys)
    return judge
