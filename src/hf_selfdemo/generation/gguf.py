"""Models in GGUF files, converted once into a folder of the cache that transformers loads and trains as any other.

The weights of a quantised file are made dense in bfloat16, whatever they are loaded in later: rounding changes a weight
by at most 1/256 of itself, 4 bits by far more. A file that is not quantised keeps its own precision.
"""

from __future__ import annotations

import logging
import re
import shutil
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from hf_selfdemo.core.cache import cache_dir, content_hash
from hf_selfdemo.core.errors import UserError, explained
from hf_selfdemo.core.manifest import put_in_place
from hf_selfdemo.core.remade import alone

ENDING = ".gguf"

_PART = re.compile(r"-(\d{5})-of-(?!00001)(\d{5})\.gguf$", re.IGNORECASE)
"""The end of a name that llama.cpp gives to one part of a split file."""

_BESIDE_WEIGHTS = 64 << 20
"""Bytes of a converted model's tokenizer and configuration, generously."""

_WHOLE = "fetch it again, whole"

logger = logging.getLogger(__name__)


def is_gguf(path: Path) -> bool:
    """Whether a file is to be read as GGUF: by its name, or its first bytes."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return path.suffix.lower() == ENDING or file.read(4) == b"GGUF"


def gguf_key(path: Path) -> str:
    """What a model of a GGUF file is known by: a hash over the file's content, wherever it lies."""
    return content_hash(path)[:16]


def converted(path: Path, weights: bool = True) -> Path:
    """The folder of a GGUF file's model, converted on the first call.

    Args:
        path: of the file.
        weights: without them configuration and tokenizer alone are read, which takes neither time nor space.

    Raises:
        UserError: if it is not a GGUF file, one part of several, damaged, without a tokenizer, or of an architecture
            that transformers does not read, or if the disk has no room for the weights.
    """
    whole = cache_dir() / f"gguf-{gguf_key(path)}"
    if weights or whole.exists():
        return convert(path, whole, _precision)
    return _made(path, whole.with_name(f"{whole.name}-described"), partial(_describe, path))


def convert(path: Path, target: Path, precision: Any = None) -> Path:
    """Make the weights of a GGUF file dense safetensors in `target`, once; a killed conversion leaves nothing behind.

    Args:
        path: of the file.
        target: folder of the model, in the cache.
        precision: gives the dtype of the weights from the file's reader; None is float32.

    Raises:
        UserError: as `converted`.
    """

    def make(reader: Any, staging: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM, GgufConfig

        dtype = precision(reader) if precision else torch.float32
        numbers = sum(int(tensor.n_elements) for tensor in reader.tensors)
        _check_room(path, target.parent, numbers * dtype.itemsize + _BESIDE_WEIGHTS)
        logger.warning("converting %s to safetensors in %s (once)", path.name, target)
        _describe(path, reader, staging)  # first, since it tells of what cannot be read within seconds
        with _readable(path, reader):
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                path.parent,
                gguf_file=path.name,
                quantization_config=GgufConfig(dequantize=True),  # else weights stay packed and cannot be saved
                dtype=dtype,
                output_loading_info=True,
            )
        model, found = loaded  # annotations of transformers do not know the second
        if absent := sorted(found["missing_keys"]):  # transformers would draw them at random
            raise UserError(f"{path} holds no weights for {', '.join(absent[:3])}", _WHOLE)
        model.save_pretrained(staging)

    return _made(path, target, make)


def _made(path: Path, target: Path, make: Any) -> Path:
    """The folder `target`, filled by `make` if it is not there; processes wait for each other."""
    if target.exists():
        return target
    with alone(target) as staging:
        if not target.exists():  # else another process was quicker
            make(_read(path), staging)
            put_in_place(staging, target)
    return target


def _read(path: Path) -> Any:
    """A reader of the file's keys and tensors.

    Raises:
        UserError: if it is not a GGUF file, damaged, one of several parts, or lacks what a model needs.
    """
    from gguf import GGUFReader

    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise UserError(f"{path} is not a GGUF file", "name one, or a model's folder or Hub id")
    if part := _PART.search(path.name):
        raise _split(path, int(part[1]), int(part[2]))
    with explained(f"{path} is damaged or was cut short", _WHOLE):
        reader = GGUFReader(path)
    told = reader.fields
    if "split.count" in told and (parts := int(told["split.count"].contents())) > 1:
        raise _split(path, int(told["split.no"].contents()) + 1, parts)
    if "general.architecture" not in told:
        raise UserError(f"{path} names no architecture", "give the file of a language model")
    if "tokenizer.ggml.tokens" not in told:
        raise UserError(f"{path} holds no tokenizer", "give the file of a language model, with its vocabulary")
    return reader


def _split(path: Path, part: int, parts: int) -> UserError:
    return UserError(
        f"{path} is part {part} of {parts} of a split GGUF, and transformers reads whole ones",
        "join them (llama.cpp's `llama-gguf-split --merge FIRST_PART WHOLE.gguf`) and name the result",
    )


def _describe(path: Path, reader: Any, staging: Path) -> None:
    """Configuration and tokenizer, as a converted model has them."""
    from transformers import AutoConfig, AutoTokenizer

    with _readable(path, reader):
        config = AutoConfig.from_pretrained(path.parent, gguf_file=path.name)
    config.save_pretrained(staging)
    with explained(f"the tokenizer in {path} cannot be read", "take the model's safetensors version"):
        AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name).save_pretrained(staging)


def _readable(path: Path, reader: Any) -> AbstractContextManager[None]:
    """What transformers says of a file that is whole is about what it holds."""
    architecture = reader.fields["general.architecture"].contents()
    what = f"{path} holds a model of architecture {architecture!r} that this transformers cannot convert"
    return explained(what, "take its safetensors version, or a newer transformers")


def _precision(reader: Any) -> Any:
    """The dtype to keep: the file's own, and bfloat16 where any tensor is quantised."""
    import torch

    kinds = {tensor.tensor_type.name for tensor in reader.tensors}
    if kinds <= {"F32"}:
        return torch.float32
    return torch.float16 if kinds <= {"F32", "F16"} else torch.bfloat16  # norms are float32 in every file


def _check_room(path: Path, folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"{path.name} needs {needed / 1e9:.1f} GB in {folder} to be converted, and {free / 1e9:.1f} GB are free",
            "free some, or set HF_SELFDEMO_CACHE to a folder on a larger disk",
        )
