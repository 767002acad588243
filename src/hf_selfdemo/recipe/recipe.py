"""A parsed recipe, and the models that it names."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hf_selfdemo.core.console import say, waiting
from hf_selfdemo.core.manifest import fingerprint
from hf_selfdemo.generation.models import (
    DEFAULT_MODEL,
    ResolvedModel,
    load_model,
    load_tokenizer,
    read_chat_template,
    resolve_model,
)
from hf_selfdemo.generation.precision import Dtype, dtype_for
from hf_selfdemo.generation.tuned import (
    added_tokens,
    base_of,
    is_adapter,
    merged,
    stands_on,
    tuned_fingerprint,
    weights_of,
)
from hf_selfdemo.methods.method import Chosen
from hf_selfdemo.methods.question_writer import QuestionKeys
from hf_selfdemo.recipe.command_keys import (
    AppArguments,
    AskArguments,
    ExportArguments,
    MergeArguments,
    PlanArguments,
    PushArguments,
    ScoreArguments,
)
from hf_selfdemo.recipe.config import (
    AbilityArguments,
    DataArguments,
    DemonstrateArguments,
    DocumentArguments,
    EngineArguments,
    EvaluateArguments,
    JudgeArguments,
    OperatingPointArguments,
    PromptSearchArguments,
    RetrievalArguments,
    TrainArguments,
)


@dataclass
class Recipe:
    """All options of one recipe.

    `method` has the method's options. `model` is TRL's ModelConfig, and `training` is the configuration of the
    objective. `implied` has the training options that were not given and follow from others.
    """

    data: DataArguments
    documents: DocumentArguments
    questions: QuestionKeys
    retrieval: RetrievalArguments
    engine: EngineArguments
    search: PromptSearchArguments
    demonstrate: DemonstrateArguments
    judge: JudgeArguments
    train: TrainArguments
    plan: PlanArguments
    evaluate: EvaluateArguments
    operating: OperatingPointArguments
    ability: AbilityArguments
    export: ExportArguments
    merge: MergeArguments
    score: ScoreArguments
    ask: AskArguments
    app: AppArguments
    push: PushArguments
    method: Chosen
    model: Any
    training: Any
    implied: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._told: set[Dtype] = set()
        self._frozen: list[Any] = []

    @property
    def output_dir(self) -> Path:
        """The run's folder."""
        return Path(self.training.output_dir)

    @property
    def model_folder(self) -> Path:
        """Where the trained model is."""
        return self.output_dir / (f"model-{self.train.variant}" if self.train.variant else "model")

    @property
    def model_name(self) -> str:
        """Hub id or folder of the model to start from."""
        return self.model.model_name_or_path or DEFAULT_MODEL

    def resolve(self) -> ResolvedModel:
        """Find the model to start from."""
        with waiting("looking for the model"):
            return resolve_model(self.model_name, self.model.model_revision or "main")

    def resolve_tuned(self, folder: Path) -> ResolvedModel:
        """The model that was trained into `folder`, with a fingerprint of its own. An adapter has the name of its base.

        Raises:
            UserError: if the folder contains no trained model.
        """
        weights_of(folder)  # raises if the folder contains none
        if not is_adapter(folder):
            return resolve_model(str(folder))  # the name by which an adapter trained on it finds it again
        base = self.base_of(folder)
        return ResolvedModel(base.name, str(folder), tuned_fingerprint(base, folder))

    def base_of(self, folder: Path) -> ResolvedModel:
        """The base model of the adapter in `folder`, usually the recipe's own.

        Raises:
            UserError: if the base model has changed since the adapter was trained.
        """
        own = self.resolve()
        if stands_on(folder, own):
            return own
        return base_of(folder)

    def load(self, resolved: ResolvedModel, training: bool = False) -> tuple[Any, Any]:
        """Load a network and its tokenizer. An adapter is merged into its base, and has the base's tokenizer unless it
        adds tokens.

        Args:
            resolved: the model, from `resolve` or `resolve_tuned`.
            training: load for training: in `dtype`, and quantised if `load_in_4bit` or `load_in_8bit` is set. A model
                that generates is never quantised, and is loaded in `inference_dtype`.
        """
        if is_adapter(folder := Path(resolved.path)):
            network, tokenizer = self.load(self.base_of(folder))
            with waiting(f"merging the adapter in {folder}"):
                return merged(network, folder), self.adapted_tokenizer(folder, tokenizer)
        dtype = self.dtype(training)
        if dtype.why and dtype not in self._told:
            self._told.add(dtype)
            say(f"weights for {'training' if training else 'generation'} in {dtype}")
        trust = self.training.trust_remote_code
        quantised, attention = self._quantisation() if training else None, self.model.attn_implementation or "sdpa"
        with waiting(f"loading {resolved.name}"):
            tokenizer = self.load_tokenizer(resolved)
            network = load_model(resolved, dtype.name, trust, self.engine.device_map, quantised, attention)
        if self.engine.frozen_layers:
            from hf_selfdemo.generation.frozen import FrozenLayers

            kept = Path(self.engine.frozen_dir or self.output_dir / "frozen")
            self._frozen.append(FrozenLayers(network, self.engine.frozen_layers, kept).account)
        return network, tokenizer

    def say_what_was_looked_up(self) -> None:
        """Print what frozen layers saved since this was last printed."""
        computed, found = (sum(getattr(account, name) for account in self._frozen) for name in ("computed", "found"))
        self._frozen.clear()
        if computed + found:
            depth = self.engine.frozen_layers
            say(
                f"of {computed + found:,} tokens the lower {depth} layers computed {computed:,} and looked up {found:,}"
            )

    def dtype(self, training: bool = False) -> Dtype:
        """The dtype in which weights are loaded, for training or for generation only.

        Raises:
            UserError: for an unknown dtype.
        """
        if not training and self.engine.inference_dtype:
            return dtype_for(self.engine.inference_dtype)
        named = self.model.dtype
        return dtype_for(None if named == "float32" else named, training and not self.model.use_peft)

    def load_tokenizer(self, resolved: ResolvedModel) -> Any:
        """Load the tokenizer of a model, with the recipe's chat template if there is one."""
        template = read_chat_template(self.training.chat_template_path)
        return load_tokenizer(resolved, self.training.trust_remote_code, template)

    def adapted_tokenizer(self, folder: Path, base: Any) -> Any:
        """The tokenizer of an adapter: that of its base, or the one saved with the adapter if the adapter adds tokens.

        Args:
            folder: the folder of the adapter.
            base: the tokenizer of its base, whose chat template is kept.
        """
        if not added_tokens(folder):
            return base
        saved = ResolvedModel(str(folder), str(folder), "")
        return load_tokenizer(saved, self.training.trust_remote_code, base.chat_template)

    @property
    def chat_template(self) -> dict[str, str]:
        """The hash of the recipe's chat template, to store with what is made with it; {} if the recipe has none."""
        template = read_chat_template(self.training.chat_template_path)
        return {} if template is None else {"chat_template": fingerprint(template)}

    def _quantisation(self) -> Any:
        from trl import get_quantization_config

        return get_quantization_config(self.model)
