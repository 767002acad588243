"""Estimate whether a run fits a device and how long it computes there, from options, texts and a configuration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hf_selfdemo.core.errors import UserError, explained
from hf_selfdemo.core.types import Evidence, Message, Mode
from hf_selfdemo.generation.gguf import converted
from hf_selfdemo.generation.models import GGUF_PACKAGES, ResolvedModel, local_model, read_chat_template
from hf_selfdemo.generation.precision import Dtype, on_gpu
from hf_selfdemo.methods.answering import single_prompt
from hf_selfdemo.prompting.chat import encode_prompt
from hf_selfdemo.recipe.evidence import recipe_questions
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.recipe.start import check_targets
from hf_selfdemo.verbs.evaluate import judges_by_model, recipe_modes
from hf_selfdemo.verbs.first_turns import FirstTurns
from hf_selfdemo.verbs.footprint.compute import forward_flops, hours, training_flops
from hf_selfdemo.verbs.footprint.memory import Precision, cache_bytes, in_process, training_memory, writing_memory
from hf_selfdemo.verbs.footprint.shape import ModelShape, model_shape

CHARACTERS_A_TOKEN = 4.0
"""The assumption if there is no tokenizer. With most tokenizers, English text has slightly more."""

_COUNTED = 32
"""Number of rows whose prompts are encoded to measure the characters per token."""

_SMALL = ["*.json", "*.jinja", "*.model", "*.txt", "*.py"]
"""The files of a repository without its weights."""

_CHUNK = 4
"""Number of batches whose shared prefixes the transformers engine keeps at once."""


@dataclass(frozen=True)
class Lengths:
    """Lengths of a recipe's rows in tokens, before anything is generated. Replies count with their maximum length.

    Args:
        source: how tokens were counted.
        characters: characters per token.
        prompt: mean length of a training prompt.
        longest_prompt: length of the longest training prompt.
        longest_request: length of the longest first-turn request.
        reply: maximum length of a reply that is trained on.
    """

    source: str
    characters: float
    prompt: float
    longest_prompt: int
    longest_request: int
    reply: int


def row_lengths(recipe: Recipe, evidence: Sequence[Evidence], turns: FirstTurns) -> Lengths:
    """Measure the lengths of prompts and replies with the model's tokenizer, or by `CHARACTERS_A_TOKEN`."""
    tokenizer = _tokenizer(recipe, model_place(recipe))
    written = encoded = longest = summed = gold = 0
    for place, row in enumerate(evidence):
        prompt = single_prompt(row.question.text, row.passages)
        length = _characters(prompt)
        summed, longest = summed + length, max(longest, length)
        gold = max(gold, *map(len, row.question.answers[:1]), 0)
        if tokenizer is not None and place % max(1, len(evidence) // _COUNTED) == 0:
            written, encoded = written + length, encoded + len(encode_prompt(tokenizer, prompt))
    per_token = written / encoded if encoded else CHARACTERS_A_TOKEN
    return Lengths(
        source="4 characters a token" if tokenizer is None else "the tokenizer",
        characters=per_token,
        prompt=summed / len(evidence) / per_token,
        longest_prompt=round(longest / per_token),
        longest_request=round(turns.longest / per_token),
        reply=turns.longest_reply if turns else round(gold / per_token) + 1,
    )


def recipe_shape(recipe: Recipe) -> ModelShape:
    """The sizes of the recipe's model and of what is trained. Weights are neither loaded nor downloaded.

    Raises:
        UserError: if the model does not exist, or does not have the modules to train.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from trl import get_peft_config

    config, adapters = _config(recipe, model_place(recipe)), get_peft_config(recipe.model)
    if adapters is not None:
        with torch.device("meta"):
            check_targets(adapters, AutoModelForCausalLM.from_config(config))
    return model_shape(config, adapters)


def recipe_memory(
    recipe: Recipe, shape: ModelShape, lengths: Lengths, candidates: int, rows: float = math.inf
) -> dict[str, dict[str, float]]:
    """Estimate the peak memory in bytes, by command and part.

    Args:
        recipe: the recipe, for batch sizes and precisions.
        shape: sizes of its model.
        lengths: lengths of its rows.
        candidates: first-turn requests per question; 0 if no candidates are generated.
        rows: number of questions and twins, each with a cached prefix.
    """
    from hf_selfdemo.generation.cache import BLOCK

    def room(written: int) -> int:
        return -(-written // BLOCK) * BLOCK

    training, batch = recipe.training, recipe.engine.generation_batch_size
    found: dict[str, dict[str, float]] = {}
    number = _bytes(recipe.dtype())
    if candidates and recipe.engine.engine == "transformers":
        groups = -(-_CHUNK * batch // candidates)
        one, written = lengths.longest_request * cache_bytes(shape, number), room(lengths.reply)
        held = min(rows * one, max(recipe.engine.prefix_cache_gb * 1e9, groups * one))
        found["demonstrate"] = writing_memory(shape, number, batch, lengths.longest_request, written, held=held)
    if recipe.method.method.trains:
        pairs, reply = recipe.train.objective == "dpo", _trained_reply(recipe, lengths)
        reference = pairs and not shape.adapters and not training.precompute_ref_log_probs
        found["train"] = training_memory(
            shape,
            _precision(recipe),
            training.per_device_train_batch_size * (2 if pairs else 1),
            min(lengths.longest_prompt + reply, training.max_length or 10**9),
            reply,
            training.gradient_checkpointing,
            2 if reference else 1,
        )
        if recipe.train.objective == "grpo":
            at_once, kept = training.generation_batch_size // training.world_size, _bytes(recipe.dtype(training=True))
            rollouts = writing_memory(shape, kept, at_once, lengths.longest_prompt, reply)
            found["train"] = max(
                found["train"], rollouts, key=lambda parts: sum(parts.values())
            )  # generation and training alternate
    e = recipe.evaluate
    tuned = recipe.method.method.trains or e.adapters
    copies = 2 if tuned and judges_by_model(e) else 1  # the base judges what the tuned model writes
    several = (
        e.evaluate_signals or recipe.method.answerer().most_calls > 1
    )  # the calls of a question share their prefix
    held = copies * recipe.engine.prefix_cache_gb * 1e9 if several else 0
    found["evaluate"] = writing_memory(
        shape, number, batch, lengths.longest_prompt, room(e.max_answer_tokens), copies=copies, held=held
    )
    if on_gpu() or recipe.plan.device_memory_gb > 0 or recipe.plan.device_tflops > 0:
        return found  # memory of the device only
    train = {verb: verb == "train" for verb in found}
    return {verb: in_process(found[verb], _converted_bytes(recipe, shape, train[verb]), train[verb]) for verb in found}


def _converted_bytes(recipe: Recipe, shape: ModelShape, training: bool) -> float:
    """Bytes of the weights on disk if loading converts them to another dtype, else 0."""
    import torch

    stored = _config(recipe, model_place(recipe)).dtype or torch.float32
    loaded = getattr(torch, recipe.dtype(training).name)
    return 0.0 if stored == loaded else float(shape.parameters * stored.itemsize)


def recipe_hours(
    recipe: Recipe, shape: ModelShape, lengths: Lengths, rows: int, calls: dict[str, int] | None
) -> dict[str, float]:
    """Estimate the computing hours by command on `device_count` devices of `device_tflops`, at `device_utilisation`.

    Args:
        recipe: the recipe, for the device, epochs and test questions. Evaluation is left out if these cannot be read.
        shape: sizes of its model.
        lengths: lengths of its rows.
        rows: number of questions and twins, each at most one training row.
        calls: prompt, cached and generated tokens of demonstrating; None if no candidates are generated.
    """
    training, flops = recipe.training, dict[str, float]()
    if calls:
        tokens = calls["prompt_tokens"] - calls["cached_tokens"] + calls["generated_tokens"]
        context = lengths.prompt + lengths.reply
        flops["demonstrate"] = forward_flops(shape, tokens, context, calls["generated_tokens"])
    reply = _trained_reply(recipe, lengths)
    context = lengths.prompt + reply
    texts = 2 if recipe.train.objective == "dpo" else 1  # texts per row
    replies = training.num_generations if recipe.train.objective == "grpo" else texts  # texts per row and epoch
    if training.train_tokens:
        seen = training.train_tokens / context  # for pairs, the budget counts both texts
    elif training.max_steps > 0:
        seen = training.max_steps * training.per_device_train_batch_size * training.gradient_accumulation_steps * texts
    else:
        seen = rows * training.num_train_epochs * replies
    scored, checkpointing = seen * reply, training.gradient_checkpointing
    flops["train"] = training_flops(shape, seen * context, context, scored, checkpointing)
    if recipe.train.objective == "grpo":
        flops["train"] += forward_flops(shape, seen * context, context, scored)  # replies are generated first
    asked, answer = _asked(recipe), recipe.evaluate.max_answer_tokens
    if asked:
        prompts = {"rag": lengths.prompt, "closed_book": 0.0}
        read = sum(count * (prompts[mode] + answer) for mode, count in asked.items())
        flops["evaluate"] = 2 * forward_flops(shape, read, lengths.prompt + answer, sum(asked.values()) * answer)
    plan = recipe.plan
    tflops = plan.device_tflops * plan.device_count
    return {verb: hours(count, tflops, plan.device_utilisation) for verb, count in flops.items()}


def _trained_reply(recipe: Recipe, lengths: Lengths) -> int:
    """The maximum length of a reply in training: of a demonstration, or of a GRPO completion with its critiques."""
    if recipe.train.objective == "grpo":
        longest, sessions = int(recipe.training.max_completion_length), recipe.method.sessions()
        return longest if sessions is None else int(sessions.room(longest))
    return lengths.reply


def footprint(
    recipe: Recipe, evidence: Sequence[Evidence], lengths: Lengths, candidates: int, calls: dict[str, int] | None
) -> dict[str, Any]:
    """The estimates for `plan.json`: `model`, `lengths`, `memory_gb` and, if `device_tflops` is set, `hours`.

    Raises:
        UserError: as `recipe_shape` raises it.
    """
    plan = recipe.plan
    shape = recipe_shape(recipe)
    memory = recipe_memory(recipe, shape, lengths, candidates, len(evidence))
    gigabytes = {verb: {part: size / 1e9 for part, size in parts.items()} for verb, parts in memory.items()}
    return {
        "model": {"name": recipe.model_name, "parameters": shape.parameters, "trainable": shape.trainable},
        "lengths": asdict(lengths),
        "memory_gb": gigabytes,
        "peak_gb": max(sum(parts.values()) for parts in gigabytes.values()),
        "hours": recipe_hours(recipe, shape, lengths, len(evidence), calls) if plan.device_tflops > 0 else {},
    }


def model_place(recipe: Recipe) -> str:
    """The folder of the model's configuration and tokenizer, downloaded or converted without weights if needed."""
    from huggingface_hub import snapshot_download

    name = recipe.model_name
    if local := local_model(name):
        return str(local if local.is_dir() else converted(local, weights=False))
    try:
        return snapshot_download(name, revision=recipe.model.model_revision, allow_patterns=_SMALL)
    except Exception as error:  # the Hub's client raises types that change between versions
        if name in GGUF_PACKAGES:
            return recipe.resolve().path
        what = f"the configuration of {name!r} cannot be downloaded ({type(error).__name__})"
        raise UserError(what, "check the name, or name a folder that contains its config.json") from None


def _config(recipe: Recipe, place: str) -> Any:
    from transformers import AutoConfig

    what = f"{place} contains no configuration that transformers can read"
    with explained(what, "name a model's folder or Hub id"):
        return AutoConfig.from_pretrained(place, trust_remote_code=recipe.training.trust_remote_code)


def _tokenizer(recipe: Recipe, place: str) -> Any:
    """The tokenizer in the folder of a configuration; None if there is none, or none with a chat template."""
    read_chat_template(recipe.training.chat_template_path)  # a template that the recipe names must exist
    try:
        return recipe.load_tokenizer(ResolvedModel(recipe.model_name, place, ""))
    except Exception:  # transformers raises many types for a missing tokenizer
        return None


def _bytes(dtype: Dtype) -> int:
    import torch

    return int(getattr(torch, dtype.name).itemsize)


def _precision(recipe: Recipe) -> Precision:
    """The precision of training. NF4 takes half a byte, and a scale per 64 weights in 32 bits or 8 (nested) bits."""
    model, training, linear = recipe.model, recipe.training, None
    if model.load_in_8bit:
        linear = 1.0
    if model.load_in_4bit:
        linear = 0.5 + (1 if model.use_bnb_nested_quant else 4) / 64
    return Precision(_bytes(recipe.dtype(training=True)), linear, bool(training.bf16 or training.fp16))


def _asked(recipe: Recipe) -> dict[Mode, int]:
    """The number of test rows by mode; {} if the questions cannot be read."""
    try:
        questions = recipe_questions(recipe, "test")
    except UserError:
        return {}
    twins = recipe.retrieval.test_twins
    twins = sum(q.answerable for q in questions) if twins < 0 else twins
    return {mode: len(questions) + (twins if mode == "rag" else 0) for mode in recipe_modes(recipe.evaluate)}


def _characters(messages: Sequence[Message]) -> int:
    return sum(len(message["content"]) for message in messages)
