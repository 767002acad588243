"""Models in GGUF files. Each is converted once, in the cache, to a folder that transformers loads and trains.

The weights of a quantised file are stored in bfloat16, whatever dtype they are loaded in later. Rounding to bfloat16
changes a weight by at most 1/256 of its value, and 4-bit quantisation by far more. A file that is not quantised keeps
its own precision.
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
"""The end of the name that llama.cpp gives to one part of a split file."""

_BESIDE_WEIGHTS = 64 << 20
"""A generous number of bytes for a converted model's tokenizer and configuration."""

_WHOLE = "download the whole file again"

logger = logging.getLogger(__name__)


def is_gguf(path: Path) -> bool:
    """Whether a file is read as GGUF, by its ending or its first bytes."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return path.suffix.lower() == ENDING or file.read(4) == b"GGUF"


def gguf_key(path: Path) -> str:
    """The identity of a GGUF file's model: a hash over the file's content, independent of its path."""
    return content_hash(path)[:16]


def converted(path: Path, weights: bool = True) -> Path:
    """The folder of a GGUF file's model, which is converted on the first call.

    Args:
        path: the file.
        weights: convert the weights too. Without them, only configuration and tokenizer are read, which takes little
            time and space.

    Raises:
        UserError: if the file is not GGUF, is one of several parts, is damaged, has no tokenizer, or has an
            architecture that transformers does not read, or if the disk has no room for the weights.
    """
    whole = cache_dir() / f"gguf-{gguf_key(path)}"
    if weights or whole.exists():
        return convert(path, whole, _precision)
    return _made(path, whole.with_name(f"{whole.name}-described"), partial(_describe, path))


def convert(path: Path, target: Path, precision: Any = None) -> Path:
    """Convert the weights of a GGUF file to safetensors in `target`, once. An interrupted conversion leaves no files.

    Args:
        path: the file.
        target: the folder of the model, in the cache.
        precision: a function from the file's reader to the dtype of the weights; None means float32.

    Raises:
        UserError: as `converted` does.
    """

    def make(reader: Any, staging: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM, GgufConfig

        dtype = precision(reader) if precision else torch.float32
        numbers = sum(int(tensor.n_elements) for tensor in reader.tensors)
        _check_room(path, target.parent, numbers * dtype.itemsize + _BESIDE_WEIGHTS)
        logger.warning("converting %s to safetensors in %s (once)", path.name, target)
        _describe(path, reader, staging)  # first, since it fails within seconds if the file cannot be read
        with _readable(path, reader):
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                path.parent,
                gguf_file=path.name,
                quantization_config=GgufConfig(dequantize=True),  # weights that stay packed cannot be saved
                dtype=dtype,
                output_loading_info=True,
            )
        model, found = loaded  # the type hints of transformers lack the second
        if absent := sorted(found["missing_keys"]):  # transformers would initialise them at random
            raise UserError(f"{path} contains no weights for {', '.join(absent[:3])}", _WHOLE)
        model.save_pretrained(staging)

    return _made(path, target, make)


def _made(path: Path, target: Path, make: Any) -> Path:
    """The folder `target`. If it does not exist, `make` fills it, while other processes wait."""
    if target.exists():
        return target
    with alone(target) as staging:
        if not target.exists():  # another process may have made it meanwhile
            make(_read(path), staging)
            put_in_place(staging, target)
    return target


def _read(path: Path) -> Any:
    """A reader of the file's metadata and tensors.

    Raises:
        UserError: if the file is not GGUF, is damaged, is one of several parts, or is not a language model.
    """
    from gguf import GGUFReader

    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise UserError(f"{path} is not a GGUF file", "give a GGUF file, a model folder or a Hub id")
    if part := _PART.search(path.name):
        raise _split(path, int(part[1]), int(part[2]))
    with explained(f"{path} is damaged or incomplete", _WHOLE):
        reader = GGUFReader(path)
    told = reader.fields
    if "split.count" in told and (parts := int(told["split.count"].contents())) > 1:
        raise _split(path, int(told["split.no"].contents()) + 1, parts)
    if "general.architecture" not in told:
        raise UserError(f"{path} has no architecture in its metadata", "give the file of a language model")
    if "tokenizer.ggml.tokens" not in told:
        raise UserError(f"{path} contains no tokenizer", "give the file of a language model with its vocabulary")
    return reader


def _split(path: Path, part: int, parts: int) -> UserError:
    return UserError(
        f"{path} is part {part} of {parts} of a split GGUF file, which transformers cannot read",
        "merge the parts (`llama-gguf-split --merge FIRST_PART WHOLE.gguf` of llama.cpp) and give the merged file",
    )


def _describe(path: Path, reader: Any, staging: Path) -> None:
    """Write the configuration and the tokenizer of a converted model."""
    from transformers import AutoConfig, AutoTokenizer

    with _readable(path, reader):
        config = AutoConfig.from_pretrained(path.parent, gguf_file=path.name)
    config.save_pretrained(staging)
    with explained(f"the tokenizer in {path} cannot be read", "use the model's safetensors version"):
        AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name).save_pretrained(staging)


def _readable(path: Path, reader: Any) -> AbstractContextManager[None]:
    """Explain errors of transformers about a file that is undamaged: its architecture is not supported."""
    architecture = reader.fields["general.architecture"].contents()
    what = f"this version of transformers cannot convert the architecture {architecture!r} of {path}"
    return explained(what, "use the model's safetensors version, or install a newer transformers")


def _precision(reader: Any) -> Any:
    """The dtype of the converted weights: the file's own, or bfloat16 if any tensor is quantised."""
    import torch

    kinds = {tensor.tensor_type.name for tensor in reader.tensors}
    if kinds <= {"F32"}:
        return torch.float32
    return torch.float16 if kinds <= {"F32", "F16"} else torch.bfloat16  # norms are float32 in every file


def _check_room(path: Path, folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"converting {path.name} needs {needed / 1e9:.1f} GB in {folder}, and {free / 1e9:.1f} GB are free",
            "free some space, or set HF_SELFDEMO_CACHE to a folder on a larger disk",
        )
