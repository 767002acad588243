"""Post-train a language model for RAG on its own demonstrations. See the README for a tour.

Names are imported when first used, so that `import hf_selfdemo` costs next to nothing and needs no torch.
"""

from __future__ import annotations

import importlib
from typing import Any

_PUBLIC = {
    "Answer": "core.types",
    "Candidate": "core.types",
    "Critique": "core.types",
    "Demonstration": "core.types",
    "Evidence": "core.types",
    "Passage": "core.types",
    "Prediction": "core.types",
    "Question": "core.types",
    "Reply": "core.types",
    "Request": "core.types",
    "Verdict": "core.types",
    "UserError": "core.errors",
    "Ledger": "core.ledger",
    "ask": "core.conversation",
    "converse": "core.conversation",
    "read_questions": "data.questions.reading",
    "read_passages": "data.questions.passages",
    "collect_evidence": "data.retrieval.evidence",
    "leave_gold_out": "data.retrieval.evidence",
    "BM25Retriever": "data.retrieval.bm25",
    "DenseRetriever": "data.retrieval.dense",
    "SentenceEncoder": "data.retrieval.encoder",
    "HybridRetriever": "data.retrieval.hybrid",
    "RerankedRetriever": "data.retrieval.reranked",
    "CrossEncoderReranker": "data.retrieval.reranked",
    "TransformersGenerator": "generation.transformers",
    "ServerGenerator": "generation.server",
    "ScriptedGenerator": "generation.scripted",
    "RecordedGenerator": "generation.recorded",
    "AnswerMatchJudge": "judging.answer_match",
    "LlmLabelJudge": "judging.llm_label",
    "MatchThenLlmJudge": "judging.match_then_llm",
    "TournamentJudge": "judging.tournament",
    "SelfDemo": "methods.self_demo",
    "Sampling": "methods.candidates",
    "Choosing": "methods.self_demo",
    "RaIt": "methods.ra_it",
    "Raft": "methods.raft",
    "PromptAnswerer": "methods.answering",
    "RagAnswer": "methods.rag_model",
    "RagModel": "methods.rag_model",
    "load_rag_model": "methods.rag_model",
    "Sessions": "methods.corgi",
    "named_critics": "methods.critics.joined",
    "search_prompts": "methods.prompt_search",
    "SearchSettings": "methods.prompt_search",
    "demonstrate": "methods.demonstrations",
    "SelfDemoBuilder": "verbs.builder",
    "SelfDemoDataCollator": "training.collator",
    "SelfDemoConfig": "training.sft",
    "SelfDemoTrainer": "training.sft",
    "SelfDemoDPOConfig": "training.dpo",
    "SelfDemoDPOTrainer": "training.dpo",
    "SelfDemoGRPOConfig": "training.grpo_config",
    "SelfDemoGRPOTrainer": "training.grpo",
    "AbstentionReward": "training.rewards",
    "CollapseGuard": "training.collapse",
    "preflight": "training.preflight",
    "examine": "training.preflight",
    "GeneratedEvaluation": "training.generated",
    "OnPolicyMeter": "training.meter",
    "to_prompts": "training.trl_columns",
    "to_trl": "training.trl_columns",
    "predict": "evaluation.predict",
    "figures": "scoring.outcomes",
    "answers_match": "scoring.answers.match",
    "is_refusal": "scoring.refusal",
    "agreement": "scoring.agreement",
    "lambda_score": "scoring.abstention",
    "retrieval_figures": "metrics.retrieval",
}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'hf_selfdemo' has no attribute {name!r}")
    return getattr(importlib.import_module(f"hf_selfdemo.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
