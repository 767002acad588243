"""The dtype that a model is loaded in. `auto` is bfloat16 if the hardware supports it, and float32 otherwise."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Any

from hf_selfdemo.core.errors import UserError

_FEATURES = {"amx_bf16": "AMX", "avx512_bf16": "AVX512-BF16", "sve_bf16": "SVE-BF16", "bf16": "BF16"}
"""Processor features for bfloat16 products, as `torch.cpu.get_capabilities` names them. The last two are ARM's."""

_FORMER = {"_is_amx_tile_supported": "AMX", "_is_avx512_bf16_supported": "AVX512-BF16"}
"""Private functions for the same on x86 in torch before 2.12, which has no public function."""


@dataclass(frozen=True, slots=True)
class Dtype:
    """A dtype of torch by name, and why it was chosen ("" if the user chose it)."""

    name: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.why})" if self.why else self.name


def dtype_for(named: str | None, floats: bool = False) -> Dtype:
    """The dtype in which weights are loaded.

    Args:
        named: a dtype of torch, "auto", or None: float32 on a CPU and bfloat16 on a GPU.
        floats: all weights are trained. Then `auto` is float32 on a CPU, because most updates are too small for the
            precision of bfloat16.

    Raises:
        UserError: if it is not a floating-point dtype.

    Example:
        >>> dtype_for("float16")
        Dtype(name='float16', why='')
        >>> dtype_for("auto", floats=True).name in ("float32", "bfloat16")
        True
    """
    import torch

    gpu = on_gpu()
    if named is None:
        return Dtype("bfloat16" if gpu else "float32")
    if named == "auto":
        by = bfloat16_by()
        if not by:
            return Dtype("float32", f"auto: this {'GPU' if gpu else 'processor'} does not multiply bfloat16")
        if floats and not gpu:
            return Dtype("float32", "auto: all weights are trained, on a CPU")
        return Dtype("bfloat16", f"auto: {by} multiplies it")
    found = getattr(torch, named, None)
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise UserError(f"dtype {named!r} cannot be used for weights", "give auto, float32, bfloat16 or float16")
    return Dtype(named)


def on_gpu() -> bool:
    """Whether models are loaded onto a GPU."""
    import torch

    return bool(torch.cuda.is_available())


def bfloat16_by() -> str:
    """The hardware that computes bfloat16 products: the GPU, or a feature of the processor; "" if there is none."""
    import torch

    if on_gpu():
        return "the GPU" if torch.cuda.is_bf16_supported(including_emulation=False) else ""
    return _of_processor(torch) if torch.backends.mkldnn.is_available() else ""  # oneDNN has the kernels


def _of_processor(torch: Any) -> str:
    if ask := getattr(torch.cpu, "get_capabilities", None):
        known = ask()
        return next((name for feature, name in _FEATURES.items() if known.get(feature)), "")
    for function, name in _FORMER.items():
        if getattr(torch.cpu, function, bool)():
            return name
    arm = platform.machine().lower() in ("aarch64", "arm64")  # elsewhere the function is also true for emulation
    known = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", bool)
    return "BF16" if arm and known() else ""
