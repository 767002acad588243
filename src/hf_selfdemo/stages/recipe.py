"""A parsed recipe, and the models it names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hf_selfdemo.config import (
    DataArguments,
    DemonstrateArguments,
    EngineArguments,
    EvaluateArguments,
    JudgeArguments,
    PlanArguments,
    PromptSearchArguments,
    RetrievalArguments,
)
from hf_selfdemo.models import DEFAULT_MODEL, ResolvedModel, load_model, load_tokenizer, resolve_model
from hf_selfdemo.stages.console import waiting


@dataclass
class Recipe:
    """All parsed groups of one recipe. `model` is TRL's ModelConfig, `training` a SelfDemoConfig."""

    data: DataArguments
    retrieval: RetrievalArguments
    engine: EngineArguments
    search: PromptSearchArguments
    demonstrate: DemonstrateArguments
    judge: JudgeArguments
    plan: PlanArguments
    evaluate: EvaluateArguments
    model: Any
    training: Any

    @property
    def output_dir(self) -> Path:
        """The run's folder."""
        return Path(self.training.output_dir)

    @property
    def model_name(self) -> str:
        """Hub id or folder of the model to start from."""
        return self.model.model_name_or_path or DEFAULT_MODEL

    def resolve(self) -> ResolvedModel:
        """Find the model to start from."""
        with waiting("looking for the model"):
            return resolve_model(self.model_name, self.model.model_revision or "main")

    def load(self, resolved: ResolvedModel) -> tuple[Any, Any]:
        """The network and its tokenizer."""
        dtype = "auto" if self.model.dtype in (None, "auto", "float32") else self.model.dtype
        trust = self.training.trust_remote_code
        return load_model(resolved, dtype, trust, self.engine.device_map), load_tokenizer(resolved, trust)
