"""A small run through every verb, once: what it left is compared with what is left after a fault."""

import json
import os
import random
import shutil

import pytest
from forks import Forks
from runs import RECIPE, Run

from hf_selfdemo.data.questions import EMBEDDED

SEED = os.environ.get("HF_SELFDEMO_FAULTS_SEED", "0")


@pytest.fixture
def draw(request):
    """Draws a test's faults. Where one fails, the seed is printed; another seed walks on to other faults."""
    print(f"HF_SELFDEMO_FAULTS_SEED={SEED}")
    return random.Random(f"{SEED}/{request.node.name}")


@pytest.fixture(scope="session")
def run(tmp_path_factory, model_folder):
    root = tmp_path_factory.mktemp("faults").resolve()
    work = root / "work"
    shutil.copytree(model_folder, work / "base")
    for split, count in (("train", 8), ("test", 5)):
        for name, file in (("questions", split), ("corpus", f"{split}_corpus")):
            lines = (EMBEDDED / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
            rows = [row for row in map(json.loads, lines) if (row["subject"], row["split"]) == ("elements", split)]
            (work / f"{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:count]))
    (work / "recipe.yaml").write_text(RECIPE)
    forks = Forks(root)
    yield Run(forks, work)
    forks.close()
