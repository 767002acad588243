"""`hf-selfdemo VERB --config recipe.yaml [--key value ...]`: the verbs, a recipe, and overrides."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

USAGE = """\
usage: hf-selfdemo VERB [--config RECIPE.yaml] [--KEY VALUE ...]

Post-train a language model to answer from retrieved passages and to say when they hold no answer.

verbs:
  demonstrate   let the model write candidates, keep the best of each as training data
  train         train on the demonstrations (LoRA by default)
  evaluate      compare base and tuned model, with passages and without
  run           these three, one after the other
  plan          what demonstrating will cost, from a few questions really asked
  prompts       search for the wording of the candidates' prompts
  ledger        what the calls made so far are and cost

A recipe is one flat YAML file that all verbs read; every key can be given as --KEY VALUE and wins over the file.
What neither names has its default: the embedded corpus, the paper's numbers. hf-selfdemo VERB --help lists every key.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb; returns the exit code: 0 done, 2 bad input (one line says what and how to mend it), 130 stopped."""
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
    from hf_selfdemo.errors import UserError
    from hf_selfdemo.loading import did_you_mean, load
    from hf_selfdemo.stages import STAGES, VERBS

    if verb not in VERBS:
        raise UserError(f"unknown verb {verb!r}", did_you_mean(verb, list(VERBS)))
    quiet()
    if verb == "ledger" and not any(a.startswith(("--config", "--output_dir", "--output-dir")) for a in arguments):
        arguments = (*arguments, "--output_dir=.")  # nothing is written, and --ledger may say where it is
    recipe = parse(arguments)
    for stage in VERBS[verb]:
        load("stage", stage, STAGES)(recipe)


def reported(job: Callable[[], None]) -> int:
    """Do a job as a program of its own: mistakes and interrupts become one line and the exit code that `main` tells."""
    # spinning OpenMP threads make torch four times slower as soon as anything else runs; must be set before its import
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    from hf_selfdemo.errors import UserError

    try:
        job()
    except UserError as error:
        print(f"hf-selfdemo: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print(f"hf-selfdemo: the disk is full ({error}): free some space and give the same command", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nhf-selfdemo: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


def quiet() -> None:
    """Silence what a user of this command can do nothing about: other libraries' bars and notes to developers."""
    import logging
    import warnings

    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    for category, module in ((FutureWarning, "transformers"), (UserWarning, "peft"), (UserWarning, "torch")):
        warnings.filterwarnings("ignore", category=category, module=module)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("bm25s").addFilter(lambda record: record.levelno >= logging.WARNING)  # it logs its every step
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()


def parse(arguments: Sequence[str]) -> Any:
    """Read a recipe and its overrides into a `Recipe`.

    Raises:
        UserError: for an unreadable file, an unknown key or flag (naming the near match), or a value of the wrong type.
    """
    rest = list(arguments)
    config: dict[str, Any] = {}
    if "--config" in rest:
        at = rest.index("--config")
        config = read_yaml(rest[at + 1] if at + 1 < len(rest) else "")
        del rest[at : at + 2]
    return make_recipe(config, rest)


def read_yaml(path: str) -> dict[str, Any]:
    """The keys of a recipe file.

    Raises:
        UserError: if it cannot be read or holds no keys.
    """
    import yaml

    from hf_selfdemo.errors import UserError

    try:
        with open(path, encoding="utf-8") as handle:
            config = yaml.safe_load(handle)
    except OSError as error:
        raise UserError(f"the recipe {path!r} cannot be read ({error.strerror})", "check the path") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is no YAML ({error})", "mend it") from None
    if not isinstance(config, dict):
        raise UserError(f"{path} holds no keys", "write one `key: value` a line")
    return config


def make_recipe(config: dict[str, Any], flags: Sequence[str] = ()) -> Any:
    """A `Recipe` from keys and the command line's flags, which win.

    Args:
        config: keys as a recipe file has them; `output_dir` must be among them or the flags.
        flags: `--KEY VALUE` or `--KEY=VALUE`.

    Raises:
        UserError: for an unknown key or flag (naming the near match), or a value of the wrong type.
    """
    import dataclasses

    from trl import ModelConfig, TrlParser

    from hf_selfdemo import config as keys
    from hf_selfdemo.errors import UserError
    from hf_selfdemo.loading import did_you_mean
    from hf_selfdemo.stages.recipe import Recipe
    from hf_selfdemo.training.sft import SelfDemoConfig

    groups: list[Any] = [
        keys.DataArguments,
        keys.RetrievalArguments,
        keys.EngineArguments,
        keys.PromptSearchArguments,
        keys.DemonstrateArguments,
        keys.JudgeArguments,
        keys.PlanArguments,
        keys.EvaluateArguments,
        ModelConfig,
        SelfDemoConfig,
    ]
    known = [f.name for group in groups for f in dataclasses.fields(group) if f.init]
    for key in config:
        if key not in known:
            raise UserError(f"unknown recipe key {key!r}", did_you_mean(key, known))
    for flag in (f for f in flags if f.startswith("--") and f != "--help"):
        key = flag[2:].partition("=")[0].replace("-", "_")
        if key not in known and not (key.startswith("no_") and key[3:] in known):
            raise UserError(f"unknown option --{key}", did_you_mean(key, known))
    named = {f.partition("=")[0].lstrip("-").replace("-", "_") for f in flags} | set(config)
    if "output_dir" not in named and not {"help", "h"} & named:
        raise UserError("output_dir is not set", "add it to the recipe or give --output_dir runs/NAME")
    parser = TrlParser(groups, prog="hf-selfdemo VERB", exit_on_error=False)
    defaults = _PACKAGE_DEFAULTS | config
    try:
        parser.set_defaults_with_config(**defaults)
        parsed = parser.parse_args_into_dataclasses(args=list(flags))
    except SystemExit as stop:
        if stop.code == 0:
            raise
        raise UserError("an option has a value of the wrong kind", "see the line above") from None
    except Exception as error:  # argparse and the dataclasses' own checks raise many kinds
        raise UserError("a key or option cannot be used", str(error)) from None
    _check_kinds([group for group in parsed if type(group).__module__ == keys.__name__])
    return Recipe(*parsed)


def _check_kinds(groups: Sequence[Any]) -> None:
    """The parser converts texts but takes whatever else a file holds, such as one name where a list is meant."""
    from typing import get_args, get_type_hints

    from hf_selfdemo.errors import UserError

    for group in groups:
        for name, kind in get_type_hints(type(group)).items():
            value = getattr(group, name)
            if not _is_a(value, kind):
                wanted = _KINDS[kind if kind in _KINDS else get_args(kind)[0]]  # what may be None wants its first kind
                raise UserError(f"the recipe's {name} is {value!r}", f"give {wanted}")


_KINDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    list[str]: "a list of texts",
}


def _is_a(value: Any, kind: Any) -> bool:
    from typing import get_args, get_origin

    if get_origin(kind) is list:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if get_args(kind):
        return any(_is_a(value, one) for one in get_args(kind))
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


_PACKAGE_DEFAULTS: dict[str, Any] = {"use_peft": True, "lora_target_modules": "all-linear"}
"""Where this package differs from TRL's `ModelConfig`: LoRA on every linear layer unless asked otherwise."""
