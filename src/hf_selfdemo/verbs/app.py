"""`hf-selfdemo app`: a web page to browse the run in `output_dir` and to ask its models."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

from hf_selfdemo.app.asking import Asking
from hf_selfdemo.core.artefacts import Evaluated
from hf_selfdemo.core.console import say
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.core.protocols import Answerer, Generator, Retriever
from hf_selfdemo.generation.tuned import trained_folder
from hf_selfdemo.methods.at_point import at_recorded_point, for_server
from hf_selfdemo.recipe.engine import OnText, at_server, in_process
from hf_selfdemo.recipe.evidence import recipe_retriever
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.verbs.columns import addressed_models, column_of, model_answerer, recipe_answerer
from hf_selfdemo.verbs.failures import Terminated
from hf_selfdemo.verbs.rounds import round_models

T = TypeVar("T")


def run_app(recipe: Recipe) -> None:
    """Serve the page until Ctrl+C.

    Raises:
        UserError: if gradio is not installed, the port is in use, or there is no run in `output_dir`.
    """
    if importlib.util.find_spec("gradio") is None:
        raise UserError("the app needs gradio, which is not installed", "pip install 'hf-selfdemo[app]'")
    from hf_selfdemo.app.serving import serve

    made = recipe_page(recipe)
    url = serve(made, recipe.app.app_host, recipe.app.app_port, recipe.app.app_names)
    say(f"the app is at {url} (Ctrl+C to stop)")
    try:
        threading.Event().wait()
    except Terminated:
        raise
    except KeyboardInterrupt:
        say("stopped")
    finally:
        made.close(verbose=False)


def recipe_page(recipe: Recipe) -> Any:
    """Make the page of a recipe's run, a `gradio.Blocks`. Parts that the run does not have yet are shown as missing."""
    from hf_selfdemo.app.demonstrations import Demonstrations
    from hf_selfdemo.app.page import page
    from hf_selfdemo.app.replies import Replies

    run, asking = recipe.output_dir, recipe_asking(recipe)
    demonstrations = _or_reason(lambda: Demonstrations(run / "demonstrations"))
    replies = _or_reason(lambda: Replies(run / "evaluation"))
    return page(recipe.model_name, demonstrations, replies, asking)


def recipe_asking(recipe: Recipe, on_text: OnText | None = None) -> Asking:
    """Make what answers new questions: the models of the run, and the corpus of its test questions.

    Args:
        recipe: the recipe of the run.
        on_text: called after every token with the reply so far.

    Raises:
        UserError: if there is no such run, or the folder of a trained model is damaged.
    """
    if not recipe.output_dir.is_dir():
        raise UserError(f"there is no run in {recipe.output_dir}", "check output_dir, or run `hf-selfdemo run` first")
    folders = {name: cache(partial(trained_folder, where)) for name, where in _tuned(recipe).items()}
    models = _models(recipe, folders, on_text)
    served = addressed_models(recipe, list(models))
    return Asking(
        models | {name: cache(partial(at_server, recipe, model, logprobs=True)) for name, model in served.items()},
        None if recipe.retrieval.retriever == "given" else partial(_searched, recipe),
        recipe.evaluate.max_answer_tokens,
        recipe.retrieval.passages_per_question,
        recipe.retrieval.max_passage_words,
        {
            name: _served_answerer(find) if name in served else find
            for name, find in _answerers(recipe, folders).items()
        },
    )


def _served_answerer(find: Callable[[], Answerer]) -> Callable[[], Answerer]:
    """How a model is asked on a server."""
    return cache(lambda: for_server(find()))


def _searched(recipe: Recipe) -> Retriever:
    """The retriever over the corpus of the test questions."""
    evaluated = read_json(recipe.output_dir / "evaluation" / "manifest.json", Evaluated, missing_ok=True)
    corpus = evaluated.get("data", {}).get("test_corpus")
    if recipe.data.only_embedded and corpus not in (None, "", "embedded"):
        what = f"{recipe.output_dir} was evaluated with the corpus {corpus}, and the options name no corpus"
        raise UserError(what, "give the recipe of that run as --config, or set test_corpus")
    return recipe_retriever(recipe, "test")


def _or_reason(read: Callable[[], T]) -> T | UserError:
    try:
        return read()
    except UserError as error:
        return error


def _models(
    recipe: Recipe, folders: Mapping[str, Callable[[], Path]], on_text: OnText | None
) -> dict[str, Callable[[], Generator]]:
    """How to load the base model and the trained model, if any. A method that trains nothing uses the base model."""

    @cache
    def base() -> Generator:
        return in_process(recipe, *recipe.load(recipe.resolve()), on_text)

    def tuned(folder: Callable[[], Path]) -> Generator:
        return in_process(recipe, *recipe.load(recipe.resolve_tuned(folder())), on_text)

    own = {} if recipe.method.method.trains else {recipe.method.name: base}
    return {"base": base} | own | {name: partial(tuned, folder) for name, folder in folders.items()}


def _answerers(recipe: Recipe, folders: Mapping[str, Callable[[], Path]]) -> dict[str, Callable[[], Answerer]]:
    """How the models that need more than the usual prompt are asked: by their method, and at their operating point.

    A local folder is checked at once, and a model on the Hub when it is first asked.
    """

    def tuned(folder: Callable[[], Path]) -> Answerer:
        answerer = model_answerer(recipe, folder())
        return at_recorded_point(folder(), answerer) or answerer

    found: dict[str, Callable[[], Answerer]] = {}
    if not recipe.method.method.trains:
        found[recipe.method.name] = lambda: recipe_answerer(recipe, recipe.resolve())
    for name, where in _tuned(recipe).items():
        found[name] = cache(partial(tuned, folders[name]))
        if Path(where).is_dir():
            found[name]()
    return found


def _tuned(recipe: Recipe) -> dict[str, str]:
    """The folder or Hub id of the last model in `adapters`, or else of the model trained in `output_dir`."""
    if recipe.evaluate.adapters:
        name, equals, where = recipe.evaluate.adapters[-1].partition("=")
        if not equals or name == "base":
            raise UserError(
                f"adapters: {recipe.evaluate.adapters[-1]!r} is not a name=folder pair", "write tuned=FOLDER"
            )
        return {name: where}
    if recipe.train.num_rounds > 1 and (recipe.output_dir / "rounds" / "manifest.json").exists():
        name, folder = list(round_models(recipe).items())[-1]
        return {name: str(folder)}
    folder = recipe.model_folder
    return {column_of(folder): str(folder)} if list(folder.glob("*.safetensors")) else {}
