"""The options that come from TRL, read once per installed version so that later commands need not import it."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from contextlib import suppress
from copy import copy
from functools import lru_cache, partial, reduce
from operator import or_
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from hf_selfdemo.core.cache import cache_dir
from hf_selfdemo.core.console import waiting
from hf_selfdemo.core.loading import load
from hf_selfdemo.core.manifest import fingerprint, read_json, versions, write_json

OBJECTIVES = {
    "sft": "hf_selfdemo.training.sft:SelfDemoConfig",
    "dpo": "hf_selfdemo.training.dpo:SelfDemoDPOConfig",
    "grpo": "hf_selfdemo.training.grpo_config:SelfDemoGRPOConfig",
    "retriever": "hf_selfdemo.training.retriever:RetrieverConfig",
}
"""The training configuration of each objective. They share most of their options."""

CLASSES = {"model": "trl:ModelConfig"} | OBJECTIVES
"""The classes whose fields are options of a recipe, by a short name."""

HELP = {
    "model_name_or_path": "the model to start from: a folder, a GGUF file (converted once to dense weights), or a Hub "
    "id",
    "dtype": "dtype of the weights. auto: bfloat16 where the processor or GPU multiplies it, else float32. Default: "
    "float32 on a CPU, bfloat16 on a GPU",
}
"""Help of options that do more here than TRL's own help says."""

_KINDS: dict[str, Any] = {
    **{kind.__name__: kind for kind in (bool, int, float, str, dict)},
    **{f"list[{kind.__name__}]": list[kind] for kind in (int, float, str)},  # type: ignore[valid-type]
    "None": NoneType,
}
"""The types of a field, by their names in the cache."""


@lru_cache(maxsize=1)
def training_keys() -> Mapping[str, type]:
    """A dataclass for each of `CLASSES` with the same fields, types, defaults and help, but without their checks.

    They are read from a file in the cache. If the file is missing or damaged, they are read from the classes
    themselves, which imports torch and TRL.
    """
    path = cache_dir() / "keys" / f"{fingerprint(_read_from())}.json"
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        known = read_json(path)
        if known["hash"] == fingerprint(known["classes"]):
            return _classes(known["classes"])
    with waiting("reading the options of TRL, once per version"):
        found = {name: _fields(load("class", name, CLASSES)) for name in CLASSES}
    with suppress(OSError):
        write_json(path, {"classes": found, "hash": fingerprint(found)})
    return _classes(found)


def _read_from() -> dict[str, Any]:
    """What decides the fields: the installed versions, and the files of this package that define or change fields."""
    training = Path(__file__).parent.parent / "training"
    modules = [name.partition(":")[0].rpartition(".")[2] for name in OBJECTIVES.values()]
    own = (Path(__file__), *(training / f"{name}.py" for name in ("arguments", *modules)))
    return {"versions": versions(), "files": [path.read_text(encoding="utf-8") for path in own]}


def _fields(group: Any) -> list[dict[str, Any]]:
    """The fields of one of TRL's classes, as JSON."""
    kinds = get_type_hints(group)
    return [
        {
            "name": f.name,
            "kinds": list(dict.fromkeys(_kinds(kinds[f.name]) + ["bool"] * (f.metadata.get("const") is True))),
            "choices": _choices(kinds[f.name], f.metadata),
            "default": _default(f),
            "help": HELP.get(f.name, f.metadata.get("help", "")),
        }
        for f in dataclasses.fields(group)
        if f.init
    ]


def _kinds(hint: Any) -> list[str]:
    """The types of value that a field accepts and a file can contain."""
    if hint is None or hint is NoneType:
        return ["None"]
    if hint in _KINDS.values():
        return [next(name for name, kind in _KINDS.items() if kind == hint)]
    if get_origin(hint) is Literal:
        return sorted({type(choice).__name__ for choice in get_args(hint)})
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return ["str"]
    if get_origin(hint) is list:
        return ["list[str]"]
    if get_args(hint) and get_origin(hint) is not dict:
        return list(dict.fromkeys(name for one in get_args(hint) for name in _kinds(one)))
    return ["dict"]  # an object of a library, which a file cannot contain: the library rejects it


def _choices(hint: Any, metadata: Mapping[str, Any]) -> list[Any]:
    """The values that a text field accepts; empty if it accepts any."""
    if "choices" in metadata:
        return list(metadata["choices"])
    return [
        member.value for one in get_args(hint) if isinstance(one, type) and issubclass(one, enum.Enum) for member in one
    ]


def _default(f: Any) -> Any:
    found = f.default_factory() if f.default_factory is not dataclasses.MISSING else f.default
    found = getattr(found, "value", found)  # of an Enum
    return found if isinstance(found, str | int | float | list | dict | None) else None


def _classes(found: Mapping[str, list[dict[str, Any]]]) -> Mapping[str, type]:
    return MappingProxyType({name: _class(name, found[name]) for name in CLASSES})


def _class(name: str, fields: list[dict[str, Any]]) -> type:
    made = []
    for one in fields:
        kinds = [_KINDS[kind] for kind in one["kinds"]]
        if one["choices"]:
            kinds = [Literal[tuple(one["choices"])] if kind is str else kind for kind in kinds]
        default = one["default"]
        how = {"default_factory": partial(copy, default)} if isinstance(default, list | dict) else {"default": default}
        made.append((one["name"], reduce(or_, kinds), dataclasses.field(**how, metadata={"help": one["help"]})))
    return dataclasses.make_dataclass(CLASSES[name].partition(":")[2], made)
