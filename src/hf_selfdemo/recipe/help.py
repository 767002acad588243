"""What `hf-selfdemo COMMAND --help` prints: the options of a command, with their defaults or the values of a recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from hf_selfdemo.core.console import show
from hf_selfdemo.core.secret_shapes import without_secrets
from hf_selfdemo.core.secrets import is_secret_name
from hf_selfdemo.recipe.help_text import help_text
from hf_selfdemo.recipe.own_keys import NAMELESS, READS, Reads, key_names


@dataclass(frozen=True)
class Known:
    """All classes of options, and which method and objective the recipe chose.

    Args:
        groups: classes of options that every recipe has; the first line of their docstrings is the heading.
        methods: classes of options of each method, by its name.
        method: the method of the recipe.
        model: the class of the model's options.
        objectives: the training configuration of each objective, by its name.
        objective: the objective of the recipe.
    """

    groups: Sequence[Any]
    methods: Mapping[str, Sequence[Any]]
    method: str
    model: Any
    objectives: Mapping[str, Any]
    objective: str


def show_help(verb: str, known: Known, values: Mapping[str, Any]) -> NoReturn:
    """Print the options of a command, or all options, and exit.

    Args:
        verb: the command whose options are shown; "" for all options of all methods and objectives.
        known: all options.
        values: the values of the recipe, which are shown as defaults.

    Raises:
        SystemExit: always, with code 0.
    """
    told = _own(READS[verb], known) if verb else _every(known)
    shown = {key: "(not shown)" if _is_secret(key, value) else value for key, value in values.items()}
    text = without_secrets(help_text(told, shown, f"{verb or 'COMMAND'}{_nameless(verb)}").rstrip())
    show(text + (_others(verb, READS[verb], known) if verb else ""))
    raise SystemExit(0)


def _nameless(verb: str) -> str:
    return f" [{NAMELESS[verb].upper()}]" if verb in NAMELESS else ""


def _others(verb: str, reads: Reads, known: Known) -> str:
    """How to see the options that depend on the method and the objective."""
    chosen = {"method": known.method} if reads.method else {}
    chosen |= {"objective": known.objective} if reads.trains else {}
    if not chosen:
        return ""
    shown = " and ".join(f"{key} {name}" for key, name in chosen.items())
    flags = " ".join(f"--{key} NAME" for key in chosen)
    return f"\n\nShown for {shown}. For another: hf-selfdemo {verb} {flags} --help"


_Titled = dict[str, tuple[Any, Sequence[str]]]


def _own(reads: Reads, known: Known) -> _Titled:
    """The options that a command reads, by heading."""
    model, training = known.model, known.objectives[known.objective]
    told: _Titled = {_heading(group): (group, reads.of_group(group)) for group in known.groups}
    told |= {
        f"Method {known.method}: {_heading(one)}": (one, reads.of_method(one)) for one in known.methods[known.method]
    }
    told["The model and its LoRA, as in TRL" if reads.trains else "The model"] = model, reads.of_model(model)
    heading = f"Training, as in TRL, with objective {known.objective}" if reads.trains else "The run"
    told[heading] = training, reads.of_training(training)
    return {heading: (group, names) for heading, (group, names) in told.items() if names}


def _every(known: Known) -> _Titled:
    """All options, by heading."""
    model, objectives, objective = known.model, known.objectives, known.objective
    shared = set.intersection(*(set(key_names([kind])) for kind in objectives.values()))
    told: _Titled = {_heading(group): (group, key_names([group])) for group in known.groups}
    for name, found in known.methods.items():
        told |= {f"Method {name}: {_heading(one)}": (one, key_names([one])) for one in found}
    told["The model and its LoRA, as in TRL"] = model, key_names([model])
    told[f"Training, as in TRL; defaults are those of objective {objective}"] = objectives[objective], sorted(shared)
    for name, kind in objectives.items():
        told[f"Training with objective {name} only"] = kind, sorted(set(key_names([kind])) - shared)
    return told


def _heading(group: Any) -> str:
    return (group.__doc__ or "").partition("\n")[0].rstrip(".")


def _is_secret(key: str, value: Any) -> bool:
    return isinstance(value, str) and bool(value) and is_secret_name(key)
