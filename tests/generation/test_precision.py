"""`auto` is bfloat16 where torch says that this machine multiplies it, and float32 where it does not or cannot say."""

from types import SimpleNamespace

import pytest
import torch

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.generation.precision import bfloat16_by, dtype_for


@pytest.fixture
def machine(monkeypatch):
    """A processor with these features, and what torch can say of it."""

    def made(gpu=None, one_dnn=True, **features):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu is not None)
        monkeypatch.setattr(
            torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or gpu
        )
        monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: one_dnn)
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features, raising=False)

    return made


@pytest.mark.parametrize(
    ("features", "by"),
    [
        ({"amx_bf16": True, "avx512_bf16": True}, "AMX"),
        ({"avx512_bf16": True, "avx512_f": True}, "AVX512-BF16"),
        ({"bf16": True, "neon": True}, "BF16"),
        ({"avx512_f": True, "avx512_bf16": False}, ""),
        ({"avx2": True}, ""),
        ({}, ""),
    ],
)
def test_auto_follows_what_the_processor_multiplies(machine, features, by):
    machine(**features)
    assert bfloat16_by() == by
    assert dtype_for("auto").name == ("bfloat16" if by else "float32")
    assert by in dtype_for("auto").why
    assert dtype_for(None).name == dtype_for("float32").name == "float32" and not dtype_for(None).why


def test_without_kernels_the_processor_alone_is_not_enough(machine):
    machine(one_dnn=False, amx_bf16=True)
    assert dtype_for("auto").name == "float32"


@pytest.mark.parametrize(
    ("function", "arm", "by"),
    [
        ("_is_amx_tile_supported", False, "AMX"),
        ("_is_avx512_bf16_supported", False, "AVX512-BF16"),
        (None, True, "BF16"),
        (None, False, ""),
    ],
)
def test_an_older_torch_is_asked_in_its_own_way(machine, monkeypatch, function, arm, by):
    """As torch 2.6 is, which has no `get_capabilities`; oneDNN there says yes to emulation on any x86 with AVX512."""
    machine()
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda name=name: name == function, raising=False)
    monkeypatch.setattr(torch.ops, "mkldnn", SimpleNamespace(_is_mkldnn_bf16_supported=lambda: True))
    monkeypatch.setattr("hf_selfdemo.generation.precision.platform.machine", lambda: "aarch64" if arm else "x86_64")
    assert bfloat16_by() == by


def test_a_torch_that_can_say_nothing_leaves_float32(machine, monkeypatch):
    machine()
    for name in ("get_capabilities", "_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    monkeypatch.setattr(torch.ops, "mkldnn", SimpleNamespace())
    assert dtype_for("auto").name == "float32"


def test_a_gpu_has_bfloat16_unless_it_only_emulates_it(machine):
    machine(gpu=True)
    assert dtype_for("auto").name == dtype_for("auto", floats=True).name == dtype_for(None).name == "bfloat16"
    machine(gpu=False, avx512_bf16=True)
    assert dtype_for("auto").name == "float32" and "this GPU" in dtype_for("auto").why


def test_weights_that_are_trained_whole_on_a_processor_stay_float32(machine):
    machine(avx512_bf16=True)
    assert dtype_for("auto", floats=True).name == "float32"
    assert dtype_for("bfloat16", floats=True).name == "bfloat16", "who says so has it"


@pytest.mark.parametrize("name", ["int8", "float", "bf16", "nn"])
def test_what_is_no_dtype_of_weights_is_refused(name):
    if isinstance(getattr(torch, name, None), torch.dtype) and getattr(torch, name).is_floating_point:
        assert dtype_for(name).name == name
    else:
        with pytest.raises(UserError, match=f"dtype '{name}' cannot be used for weights"):
            dtype_for(name)
