"""A trained retriever goes to the Hub and comes back: the same vectors and ids, by other libraries and by this one."""

import json
import subprocess
import sys

import numpy as np
import pytest
from huggingface_hub import HfApi, ModelCard

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Question
from hf_selfdemo.data.retrieval.dense import DenseRetriever
from hf_selfdemo.data.retrieval.encoder import title_and_text
from hf_selfdemo.generation.models import load_model, resolve_model
from hf_selfdemo.generation.representations import with_adapter
from hf_selfdemo.hub.retriever import retriever_artefact
from hf_selfdemo.verbs.cli import main

STOCK = """
import json, sys
import torch
from peft import PeftModel
from transformers import AutoModel, AutoTokenizer
name, base, texts, out = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), sys.argv[4]
model = AutoModel.from_pretrained(base or name)
model = (PeftModel.from_pretrained(model, name) if base else model).eval()
tokenizer = AutoTokenizer.from_pretrained(name)
vectors = []
for text in texts:
    inputs = tokenizer(text, truncation=True, max_length=256, return_tensors="pt")
    with torch.no_grad():
        vectors.append(torch.nn.functional.normalize(model(**inputs).last_hidden_state[0, -1], dim=0).tolist())
json.dump(vectors, open(out, "w"))
assert not any(module.startswith("hf_selfdemo") for module in sys.modules)
"""

SENTENCE = """
import json, sys
from sentence_transformers import SentenceTransformer
name, questions, passages, out = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4]
model = SentenceTransformer(name, device="cpu")
vectors = [*model.encode_query(questions).tolist(), *model.encode_document(passages).tolist()]
json.dump(vectors, open(out, "w"))
"""

DOWNLOAD = """
import sys
from huggingface_hub import snapshot_download
snapshot_download(sys.argv[1], local_dir=sys.argv[2])
open(sys.argv[3], "w").write("[]")
"""

FLAGS = [
    *("--method=invar_rag", "--passages_per_question=4", "--max_train_questions=4", "--max_train_unanswerable=0"),
    *("--max_steps=3", "--learning_rate=0.01", "--per_device_train_batch_size=2", "--lora_r=2", "--use_cpu"),
    *("--on_policy_rows=0", "--likelihoods=false", "--preference_weight=0"),
]


@pytest.fixture
def run(model_folder, tmp_path):
    """A run with a trained retriever, and the flags that made it."""
    flags = [f"--output_dir={tmp_path / 'run'}", f"--model_name_or_path={model_folder}", *FLAGS]
    assert main(["run", *flags]) == 0
    return flags


def test_pushed_and_loaded_back_it_finds_the_same_passages(
    hub, hub_environment, run, model_folder, tokenizer, passages, tmp_path
):
    api = HfApi()
    api.create_repo("me/base")
    api.upload_folder(repo_id="me/base", folder_path=model_folder)
    push = ["push", *run, "--artefacts", "retriever", "--hub_base_model=me/base"]
    assert main(push) == 0
    assert main([*push, "--merge_adapter", "--hub_retriever_id=whole"]) == 0
    some, asked = passages[:12], ["Who discovered germanium?", "Where is the bridge?"]
    texts = [title_and_text(p) for p in some]
    encoder = with_adapter(load_model(resolve_model(model_folder)), tokenizer, tmp_path / "run/retriever", "tiny")
    ours = np.concatenate([encoder.encode_questions(asked), encoder.encode_passages(texts)])
    ids = [[p.id for p in row] for row in search(some, encoder, asked)]

    read = json.dumps([*(f"Question: {text}" for text in asked), *(f"Passage: {text}" for text in texts)])
    for name, base in (("me/run-retriever", "me/base"), ("me/whole", "")):
        theirs = elsewhere(hub_environment, tmp_path, STOCK, name, base, read)
        assert np.abs(theirs - ours).max() < 1e-5
        order = np.argsort(-(theirs[:2] @ theirs[2:].T), axis=1)[:, :5]
        assert [[some[i].id for i in row] for row in order] == ids

    folder = tmp_path / "back"
    elsewhere(hub_environment, tmp_path, DOWNLOAD, "me/run-retriever", str(folder))
    assert not {path.name for path in folder.iterdir()} & {"manifest.json", "run.json", "training_args.bin"}
    back = with_adapter(load_model(resolve_model(model_folder)), tokenizer, folder, "tiny")
    assert [[p.id for p in row] for row in search(some, back, asked)] == ids


def test_sentence_transformers_loads_both_from_the_hub(hub, hub_environment, run, model_folder, passages, tmp_path):
    pytest.importorskip("sentence_transformers")
    api = HfApi()
    api.create_repo("me/base")
    api.upload_folder(repo_id="me/base", folder_path=model_folder)
    push = ["push", *run, "--artefacts", "retriever", "--hub_base_model=me/base"]
    assert main(push) == main([*push, "--merge_adapter", "--hub_retriever_id=whole"]) == 0
    texts = [json.dumps(["Who?", "Where is the bridge?"]), json.dumps([title_and_text(p) for p in passages[:5]])]
    adapter, whole = (
        elsewhere(hub_environment, tmp_path, SENTENCE, name, *texts) for name in ("me/run-retriever", "me/whole")
    )
    assert np.abs(adapter - whole).max() < 1e-5 and np.allclose(np.linalg.norm(whole, axis=1), 1, atol=1e-5)


def test_the_card_says_what_it_is_and_how_it_is_used(run, tmp_path):
    artefact = retriever_artefact(tmp_path / "run", "me/searcher", base_model="me/base", license="mit")
    card = ModelCard(artefact.files["README.md"])
    assert card.data.base_model == "me/base" and card.data.library_name == "sentence-transformers"
    assert "**reconstruction**" in card.text and "no code of the authors implements it" in card.text
    assert 'before a question and "Passage: " before a passage' in card.text
    assert "invariance_weight: 0.5" in card.text and "preference_weight: 0" in card.text
    for code in card.text.split("```python")[1:]:
        compile(code.partition("```")[0], "card", "exec")


def test_what_is_no_retriever_is_refused(run, tmp_path):
    with pytest.raises(UserError, match="is not a Hub id"):
        retriever_artefact(tmp_path / "run", "me/searcher")
    (tmp_path / "run/retriever/adapter_model.safetensors").write_bytes(b"changed")
    with pytest.raises(UserError, match=r"adapter_model.safetensors was changed since it was written"):
        retriever_artefact(tmp_path / "run", "me/searcher", base_model="me/base")
    with pytest.raises(UserError, match="contains no finished training of a retriever"):
        retriever_artefact(tmp_path / "none", "me/searcher", base_model="me/base")


def search(passages, encoder, texts):
    return DenseRetriever(passages, encoder).retrieve([Question(text, text) for text in texts], 5)


def elsewhere(environment, tmp_path, code, *arguments):
    """What a program in a process of its own writes, which has an empty cache."""
    out = tmp_path / "out.json"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, str(out)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return np.array(json.loads(out.read_text()))
