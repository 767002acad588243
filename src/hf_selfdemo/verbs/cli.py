"""`hf-selfdemo VERB --config recipe.yaml [--key value ...]`: the verbs, a recipe, and overrides."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

USAGE = """\
usage: hf-selfdemo VERB [--config RECIPE] [--KEY VALUE ...]

Post-train a language model to answer from retrieved passages and to say when they hold no answer.

verbs:
  documents       cut a folder of documents into passages, and say what is left out
  questions       write questions about them, for training and for testing
  demonstrate     let the model write candidates, keep the best of each as training data
  train           train on the demonstrations (LoRA by default)
  evaluate        compare base and tuned model, with passages and without
  run             these three, one after the other, the first two as often as num_rounds says
  operating_point choose on dev questions how sure a tuned model must be to answer
  gate            learn on dev questions when the expensive way of answering is worth asking (method: lagr_seq)
  plan            what demonstrating will cost, from a few questions really asked, and the memory each verb needs
  prompts         search for the wording of the candidates' prompts
  preflight       look at what would be trained, row by row; says whether it is ready to train
  rounds          demonstrate and train, as often as num_rounds says
  export          the evaluation for lm-evaluation-harness or ragas
  push            dataset, model, metrics or index to the Hub, with a card; --dry_run shows what would be pushed
  merge           merge the adapter into its base, and check that the replies stay the same
  score           judge a file of predictions, made by whatever model
  ask             ask the trained model one question, or many, in the terminal
  app             look into a run, and ask its models, in a browser
  runs            list the runs in a folder, compare some of them, or remove one
  ledger          what the calls made so far are and cost
  recipes         list the recipes of this package, or copy one to change it
  schema          the JSON Schema of a recipe, by which editors complete and check keys

accelerate launch -m hf_selfdemo train ... trains on several devices.

A recipe is one flat YAML file that all verbs read, or the name of one that comes with the package; every key can be
given as --KEY VALUE and wins over the file.
What neither names has its default: the embedded corpus, the paper's numbers. hf-selfdemo VERB --help lists the keys
that this verb reads.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb, and return the exit code.

    0: done; 1: a bug, whose traceback is in a file that a line names; 2: bad input, or what the machine has not, and a
    line says what and how to fix it; 130: stopped by Ctrl+C; 143: by SIGTERM.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, end="")
        return 0
    if arguments[0] == "--version":
        from importlib.metadata import version

        print(version("hf-selfdemo"))
        return 0
    return reported(lambda: _run(*arguments))


def _run(verb: str, *arguments: str) -> None:
    from hf_selfdemo.core.console import hush, say
    from hf_selfdemo.core.errors import UserError
    from hf_selfdemo.core.loading import did_you_mean, load
    from hf_selfdemo.verbs import FIRST_WORD, FROM_DOCUMENTS, STAGES, TRAINING, VERBS, WITHOUT_RECIPE
    from hf_selfdemo.verbs.processes import is_main_process, refuse_many

    if verb in WITHOUT_RECIPE:
        return load("verb", verb, WITHOUT_RECIPE)(arguments)
    if verb not in VERBS:
        raise UserError(f"unknown verb {verb!r}", did_you_mean(verb, [*VERBS, *WITHOUT_RECIPE]))
    refuse_many(verb)
    hush(not is_main_process())
    quiet()
    if verb == "ledger" and not any(a.startswith(("--config", "--output_dir", "--output-dir")) for a in arguments):
        arguments = (*arguments, "--output_dir=.")  # nothing is written, and --ledger may say where it is
    if verb in FIRST_WORD and arguments and not arguments[0].startswith("-"):
        arguments = (f"--{FIRST_WORD[verb]}={arguments[0]}", *arguments[1:])
    recipe = parse(arguments, verb)
    if recipe.push.dry_run and verb != "push":
        raise UserError(f"dry_run is for push, {verb} would do its work", "leave it out, or use plan or preflight")
    from hf_selfdemo.recipe.aim import recipe_aim
    from hf_selfdemo.recipe.documents import written_parts
    from hf_selfdemo.recipe.made_documents import refuse_stale
    from hf_selfdemo.recipe.parts import refuse_unnamed
    from hf_selfdemo.verbs.lock import locked

    stages: tuple[str, ...] = VERBS[verb]
    if verb == "run" and recipe.documents.documents:
        stages = ("documents", *(("questions",) if written_parts(recipe) else ()), *stages)
    if verb in TRAINING:
        recipe.method.refuse_training()
    if verb == "run" and not recipe.method.method.trains:
        stages = tuple(stage for stage in stages if stage not in TRAINING)
        say(f"method {recipe.method.name!r} trains nothing: evaluating only")
    if verb == "run" and recipe.train.objective == "retriever":
        stages = tuple(stage for stage in stages if stage in TRAINING and stage != "point_within_run")
    if verb == "run" and recipe.method.in_process:  # questions would be paid for before demonstrating refuses
        from hf_selfdemo.verbs.demonstrate import refuse_server

        refuse_server(recipe)
    if verb == "run" and not recipe.evaluate.compare:  # its last stage would refuse when all is paid for
        trained = ("train",) if recipe.method.method.trains else ()
        refuse_unnamed(recipe, *trained, "dev" if recipe.evaluate.evaluate_on == "dev" else "test")
        if recipe.operating.operating_target is not None and trained:
            recipe_aim(recipe)
        if recipe.method.method.gated:
            from hf_selfdemo.verbs.gate import refuse_gate

            refuse_gate(recipe)
            refuse_unnamed(recipe, "dev")
    if verb in FROM_DOCUMENTS and recipe.documents.documents:
        refuse_stale(recipe, questions_missing=verb == "plan")
    with locked(verb, recipe):
        for stage in stages:
            load("stage", stage, STAGES)(recipe)
            recipe.say_what_was_looked_up()


def reported(job: Callable[[], None]) -> int:
    """Do a job as a program of its own: whatever ends it becomes one line and the exit code that `main` tells."""
    # spinning OpenMP threads make torch four times slower as soon as anything else runs; must be set before its import
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    # what is read or written is given back to the system at once, where Arrow's own pool would keep it
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    from hf_selfdemo.core.console import fail
    from hf_selfdemo.verbs.failures import STOPPED, ending, terminable

    try:
        with terminable():
            job()
    except (Exception, KeyboardInterrupt) as error:
        code, line = ending(error)
        below = "\n" if code == STOPPED else ""  # a terminal shows ^C where it stands
        fail(f"{below}hf-selfdemo: {line}")
        return code
    return 0


def quiet() -> None:
    """Silence what a user of this command can do nothing about: other libraries' bars and notes to developers."""
    import logging
    import warnings

    from hf_selfdemo.core.console import log_plainly

    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    for category, module in ((FutureWarning, "transformers"), (UserWarning, "torch")):
        warnings.filterwarnings("ignore", category=category, module=module)
    # peft asks the Hub whether the vocabulary was changed, and warns where the Hub is out of reach
    warnings.filterwarnings("ignore", message="Unable to fetch remote file|Could not find a config file", module="peft")
    log_plainly(logging.WARNING)
    logging.getLogger("bm25s").addFilter(lambda record: record.levelno >= logging.WARNING)  # it logs its every step
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # on every import, of kernels that few have
    if "transformers" in sys.modules:  # else it looks at these variables when it is imported
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()


def parse(arguments: Sequence[str], verb: str = "") -> Any:
    """Read a recipe and its overrides into a `Recipe`. Of several files the later ones win.

    Args:
        arguments: what stands behind the command.
        verb: the command, whose keys `--help` lists; "" for every key.

    Raises:
        UserError: for an unreadable file, an unknown key or flag (naming the near match), or a value of the wrong type.
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
    """A `Recipe` from keys and flags, as `recipe.keys.make_recipe` tells; imported when needed."""
    from hf_selfdemo.recipe.keys import make_recipe as make

    return make(config, flags, verb)
