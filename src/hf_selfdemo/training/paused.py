"""A pause in training to ask or measure the model, without any effect on the trained weights."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy
import torch
from accelerate import Accelerator, DistributedType
from accelerate.utils import gather_object

from hf_selfdemo.training.quantised import keep_arrangement

T = TypeVar("T")
R = TypeVar("R")


class PausedModel:
    """A model during a pause in training: the attributes of the model, and forward passes without gradients.

    `share` splits work on many rows over the ranks. If the weights are sharded (ZeRO-3, FSDP), every forward pass
    fetches weights from all ranks, and ranks that make different numbers of passes would deadlock. So each pass is
    announced, and a rank that has finished makes passes over one token until all ranks have finished, as `generate` of
    transformers does with `synced_gpus`. Weights are never gathered on one device, where they may not fit.
    """

    def __init__(self, model: Any, accelerator: Accelerator | None = None) -> None:
        self._whole = model if accelerator is None else accelerator.unwrap_model(model)
        self._accelerator = accelerator
        self._in_step = accelerator is not None and weights_are_spread(accelerator)
        self._forward = model if self._in_step else self._whole

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    @property
    def device(self) -> torch.device:
        """The device for inputs; sharded weights may be on other devices."""
        return self._accelerator.device if self._accelerator and self._in_step else self._whole.device

    def __call__(self, **inputs: Any) -> Any:
        # no_grad instead of inference mode: a model may cache tensors, and training cannot use inference tensors
        with torch.inference_mode(False), torch.no_grad():
            if self._in_step:
                self._somebody_works(True)
            return self._forward(**inputs)

    def share(self, work: Callable[[list[T]], Sequence[R]], items: Sequence[T]) -> list[R]:
        """Split `items` over the ranks (rank r takes every n-th item from r on), and return all results on all ranks.

        Args:
            work: returns one picklable result per item, in order; it may call this model any number of times.
            items: the same list on all ranks.
        """
        if self._accelerator is None or self._accelerator.num_processes == 1:
            return list(work(list(items)))
        rank, ranks = self._accelerator.process_index, self._accelerator.num_processes
        own = list(work(list(items[rank::ranks])))
        self._keep_step()
        results: list[Any] = [None] * len(items)
        for place, part in enumerate(self.gather(own)):
            results[place::ranks] = part
        return results

    def gather(self, value: T) -> list[T]:
        """The values of all ranks, returned on each rank."""
        if self._accelerator is None or self._accelerator.num_processes == 1:
            return [value]
        gathered: list[T] = gather_object([value])
        return gathered

    def _keep_step(self) -> None:
        while self._in_step and self._somebody_works(False):
            with torch.no_grad():
                self._forward(input_ids=torch.zeros((1, 1), dtype=torch.long, device=self.device))

    def _somebody_works(self, working: bool) -> bool:
        assert self._accelerator is not None
        flag = torch.tensor(float(working), device=self._accelerator.device)
        return bool(self._accelerator.reduce(flag, "sum").item())


@contextmanager
def paused(model: Any, accelerator: Accelerator | None = None) -> Iterator[PausedModel]:
    """Put `model` in evaluation mode for the context, then restore the mode of every module.

    The random state is restored too, so that a run with measurements ends in the same weights as one without.

    Args:
        model: the model as the trainer wraps it (`trainer.model_wrapped`), or unwrapped.
        accelerator: the trainer's. None uses this process alone.

    Example:
        >>> model = torch.nn.Dropout(0.5)
        >>> with paused(model):
        ...     print(model.training)
        False
        >>> model.training
        True
    """
    keep_arrangement(model)
    were_training = [module for module in model.modules() if module.training]
    with random_state_kept(model):
        model.eval()
        try:
            yield PausedModel(model, accelerator)
        finally:
            for module in were_training:
                module.training = True


@contextmanager
def random_state_kept(model: Any) -> Iterator[None]:
    """Restore the random states of Python, NumPy and torch after the context.

    Args:
        model: a model; the random states of its GPUs are restored too.
    """
    gpus = {parameter.device.index for parameter in model.parameters() if parameter.device.type == "cuda"}
    python, arrays = random.getstate(), numpy.random.get_state()
    try:
        with torch.random.fork_rng(gpus):
            yield
    finally:
        random.setstate(python)
        numpy.random.set_state(arrays)


def weights_are_spread(accelerator: Accelerator) -> bool:
    """Whether each rank has only a shard of the weights (FSDP, or DeepSpeed's ZeRO-3)."""
    zero = accelerator.state.deepspeed_plugin
    return accelerator.distributed_type == DistributedType.FSDP or (zero is not None and zero.zero_stage == 3)
