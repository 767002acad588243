"""The command line: `hf-selfdemo COMMAND --config RECIPE.yaml [--OPTION VALUE ...]`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

USAGE = """\
usage: hf-selfdemo COMMAND [--config RECIPE] [--OPTION VALUE ...]

Post-train a language model to answer from retrieved passages and to abstain when they do not contain the answer.

commands:
  run             demonstrate, train and evaluate
  plan            estimate calls, tokens, time, price and memory
  documents       split documents into passages
  questions       write questions about the documents
  prompts         search for better prompts for the candidates
  demonstrate     generate candidates, judge them, and keep the best ones as training data
  preflight       check and show the rows that training will see; say whether it is ready to train
  train           train on the demonstrations (a LoRA adapter by default)
  rounds          demonstrate and train num_rounds times
  evaluate        compare the base model with the trained one, with and without passages
  operating_point choose a confidence threshold on dev questions
  gate            learn on dev questions when the expensive way of answering pays (method lagr_seq)
  ask             ask the trained model in the terminal
  app             browse a run and ask its models in a browser
  score           judge a file of predictions of any model
  merge           merge the adapter into its base model, and check that the replies stay the same
  runs            list, compare and remove runs
  export          write the evaluation for lm-evaluation-harness or ragas
  push            push dataset, model, metrics or index to the Hub (--dry_run: only show what would be pushed)
  ledger          show the calls in the generation cache and what they cost
  recipes         list the recipes of the package, or copy one
  schema          print the JSON Schema of a recipe, for editors

RECIPE is a flat YAML file, or the name of a recipe of the package. An option on the command line overrides the recipe.
`hf-selfdemo COMMAND --help` lists the options that the command reads, and their defaults.
`accelerate launch -m hf_selfdemo train ...` trains on several devices.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, and return the exit code.

    0: done. 1: a bug; a line names the file with the traceback. 2: bad input, or the machine lacks something; a line
    says what is wrong and how to fix it. 130: stopped by Ctrl+C. 141: the reader of the output closed the pipe, as
    `head` does. 143: stopped by SIGTERM.
    """
    from hf_selfdemo.core.console import show

    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        return reported(lambda: show(USAGE.rstrip()))
    if arguments[0] == "--version":
        from importlib.metadata import version

        return reported(lambda: show(version("hf-selfdemo")))
    return reported(lambda: _run(*arguments))


def _run(verb: str, *arguments: str) -> None:
    from hf_selfdemo.core.console import hush, say
    from hf_selfdemo.core.errors import UserError
    from hf_selfdemo.core.loading import did_you_mean, load
    from hf_selfdemo.recipe.own_keys import NAMELESS
    from hf_selfdemo.verbs import FROM_DOCUMENTS, STAGES, TRAINING, VERBS, WITHOUT_RECIPE
    from hf_selfdemo.verbs.processes import is_main_process, refuse_many

    if verb in WITHOUT_RECIPE:
        return load("command", verb, WITHOUT_RECIPE)(arguments)
    if verb not in VERBS:
        raise UserError(f"unknown command {verb!r}", did_you_mean(verb, [*VERBS, *WITHOUT_RECIPE]))
    refuse_many(verb)
    hush(not is_main_process())
    quiet()
    if verb == "ledger" and not any(a.startswith(("--config", "--output_dir", "--output-dir")) for a in arguments):
        arguments = (*arguments, "--output_dir=.")  # it writes nothing, and --ledger may name the file
    if verb in NAMELESS:
        arguments = _with_option(NAMELESS[verb], arguments)
    recipe = parse(arguments, verb)
    if recipe.push.dry_run and verb != "push":
        raise UserError(f"{verb} has no dry run", "leave dry_run out, or use plan or preflight")
    from hf_selfdemo.recipe.documents import written_parts
    from hf_selfdemo.recipe.made_documents import refuse_stale
    from hf_selfdemo.verbs.lock import locked

    stages: tuple[str, ...] = VERBS[verb]
    if verb == "run" and recipe.documents.documents:
        stages = ("documents", *(("questions",) if written_parts(recipe) else ()), *stages)
    if verb in TRAINING:
        recipe.method.refuse_training()
    if verb == "run" and not recipe.method.method.trains:
        stages = tuple(stage for stage in stages if stage not in TRAINING)
        say(f"method {recipe.method.name!r} trains nothing: only evaluating")
    if verb == "run" and recipe.train.objective == "retriever":
        stages = tuple(stage for stage in stages if stage in TRAINING and stage != "point_within_run")
    if verb == "run":
        from hf_selfdemo.verbs.before_run import refuse_early

        refuse_early(recipe)
    if verb in FROM_DOCUMENTS and recipe.documents.documents:
        refuse_stale(recipe, questions_missing=verb == "plan")
    with locked(verb, recipe):
        for stage in stages:
            load("stage", stage, STAGES)(recipe)
            recipe.say_what_was_looked_up()


def _with_option(option: str, arguments: tuple[str, ...]) -> tuple[str, ...]:
    """The arguments, with the option's name before its value if that stands alone, first or last.

    Example:
        >>> _with_option("question", ("--config", "mine.yaml", "Who built it?"))
        ('--question=Who built it?', '--config', 'mine.yaml')
    """
    if not arguments:
        return arguments
    first, *rest = arguments
    if not first.startswith("-"):
        return (f"--{option}={first}", *rest)
    *rest, last = arguments
    complete = "=" in rest[-1] if rest and rest[-1].startswith("-") else rest[-2:-1] in (["--config"], ["--output_dir"])
    return (f"--{option}={last}", *rest) if complete and not last.startswith("-") else arguments


def reported(job: Callable[[], None]) -> int:
    """Run a job as a program: every error becomes one line on standard error, and the exit code that `main` lists."""
    # spinning OpenMP threads make torch four times slower as soon as anything else runs; must be set before its import
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    # returns memory to the system at once, which Arrow's own pool keeps
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    from hf_selfdemo.core.console import fail, flush_output
    from hf_selfdemo.verbs.failures import STOPPED, ending, terminable

    try:
        with terminable():
            job()
    except (Exception, KeyboardInterrupt) as error:
        code, line = ending(error)
        below = "\n" if code == STOPPED else ""  # the terminal shows ^C in the current line
        fail(f"{below}hf-selfdemo: {line}")
        return code
    finally:
        flush_output()
    return 0


def quiet() -> None:
    """Silence what the user cannot act on: other libraries' progress bars and their notes to developers."""
    import logging
    import warnings

    from hf_selfdemo.core.console import log_plainly

    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    warnings.filterwarnings("ignore", category=FutureWarning)  # old names in the calls between libraries
    warnings.filterwarnings("ignore", category=UserWarning, module="torch")
    # peft asks the Hub whether the vocabulary was changed, and warns where the Hub is out of reach
    warnings.filterwarnings("ignore", message="Unable to fetch remote file|Could not find a config file", module="peft")
    log_plainly(logging.WARNING)
    logging.getLogger("bm25s").addFilter(lambda record: record.levelno >= logging.WARNING)  # it logs its every step
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # on every import, of kernels that few have
    if "transformers" in sys.modules:  # otherwise it reads these variables when it is imported
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()


def parse(arguments: Sequence[str], verb: str = "") -> Any:
    """Read a recipe and its overrides into a `Recipe`. A later file overrides an earlier one.

    Args:
        arguments: the words after the command.
        verb: the command, whose options `--help` lists; "" for all options.

    Raises:
        UserError: for a file that cannot be read, an unknown option (naming the nearest), or a value of the wrong type.
    """
    rest = list(arguments)
    config: dict[str, Any] = {}
    while "--config" in rest:
        from hf_selfdemo.recipe.recipe_file import read_yaml

        at = rest.index("--config")
        config |= read_yaml(rest[at + 1] if at + 1 < len(rest) else "")
        del rest[at : at + 2]
    return make_recipe(config, rest, verb)


def make_recipe(config: dict[str, Any], flags: Sequence[str] = (), verb: str = "") -> Any:
    """Make a `Recipe` as `recipe.keys.make_recipe` does, which is imported only here to keep `--help` fast."""
    from hf_selfdemo.recipe.keys import make_recipe as make

    return make(config, flags, verb)
