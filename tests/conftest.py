"""A model small enough to be made for every run, and its tokenizer: real vocabulary, real turns, no download."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: spinning threads starve a shared machine
os.environ.setdefault("GOMP_SPINCOUNT", "0")
if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores: more threads than one each only wait for others
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"  # no test may reach the network
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import copy
import json
import shutil

import pytest

from hf_selfdemo.core.types import Evidence, Passage, Question
from hf_selfdemo.data.questions import EMBEDDED, read_passages, read_questions

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@pytest.fixture(scope="session")
def tokenizer():
    """A byte-level BPE trained on the embedded corpus, with ChatML turns; pad and eos are one token, as in SmolLM2."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1200,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [json.loads(line)["text"] for line in (EMBEDDED / "corpus.jsonl").open(encoding="utf-8")]
    bpe.train_from_iterator(texts, trainer)
    made = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|im_end|>")
    made.chat_template = CHAT_TEMPLATE
    return made


@pytest.fixture(scope="session")
def _tiny_model(tokenizer):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        bos_token_id=tokenizer.convert_tokens_to_ids("<|im_start|>"),
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.3,  # wide, so that random logits are far apart and greedy choices are clear
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture
def model(_tiny_model):
    """A fresh copy for each test."""
    return copy.deepcopy(_tiny_model)


@pytest.fixture(scope="session")
def model_folder(_tiny_model, tokenizer, tmp_path_factory):
    """The tiny model saved, for code that wants a path."""
    folder = tmp_path_factory.mktemp("tiny")
    _tiny_model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def brief_model(model_folder, tmp_path_factory):
    """The tiny model with so many stop tokens that it comes to an end; left alone it is always cut off."""
    folder = tmp_path_factory.mktemp("brief") / "model"
    shutil.copytree(model_folder, folder)
    config = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps(config | {"eos_token_id": list(range(2, 1200, 3))}))
    return folder


@pytest.fixture(scope="session")
def encoder_folder(tokenizer, tmp_path_factory):
    """A bi-encoder of sentence-transformers with random weights, saved."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertModel

    folder = tmp_path_factory.mktemp("encoder")
    torch.manual_seed(0)
    BertModel(_tiny_bert(tokenizer)).save_pretrained(folder / "bert")
    _without_turns(tokenizer).save_pretrained(folder / "bert")
    modules = [Transformer(str(folder / "bert")), Pooling(32, "mean")]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(folder / "model"))
    return folder / "model"


@pytest.fixture(scope="session")
def reranker_folder(tokenizer, tmp_path_factory):
    """A cross-encoder of sentence-transformers with random weights, saved."""
    import torch
    from transformers import BertForSequenceClassification

    folder = tmp_path_factory.mktemp("reranker")
    torch.manual_seed(0)
    BertForSequenceClassification(_tiny_bert(tokenizer, num_labels=1)).save_pretrained(folder)
    _without_turns(tokenizer).save_pretrained(folder)
    return folder


def _without_turns(tokenizer):
    """sentence-transformers would write texts as chat turns."""
    plain = copy.deepcopy(tokenizer)
    plain.chat_template = None
    return plain


def _tiny_bert(tokenizer, **more):
    from transformers import BertConfig

    return BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=512,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.3,
        **more,
    )


@pytest.fixture(scope="session")
def questions() -> list[Question]:
    return read_questions("embedded", "train")


@pytest.fixture(scope="session")
def passages() -> list[Passage]:
    return read_passages("embedded", "train")


@pytest.fixture
def row() -> Evidence:
    """One question with a passage that answers it and one that does not."""
    question = Question("q1", "Who discovered germanium?", ("Clemens Winkler", "Winkler"), gold_ids=("p1",))
    shown = (
        Passage("p1", "Clemens Winkler discovered it in 1886.", "Germanium"),
        Passage("p2", "Bernard Courtois discovered it in 1811.", "Iodine"),
    )
    return Evidence(question, shown, answer_in_context=True)
