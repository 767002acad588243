"""`kill -9` at moments drawn by seed: the same command goes on to the same files, and pays for no call twice."""

from collections import Counter

import pytest
from runs import VERBS, differences

from hf_selfdemo.core.manifest import STAGING

KILLS = {
    **{"prompts": 8, "demonstrate": 10, "train": 8, "evaluate": 8, "compare": 3, "ragas": 4, "lm_eval": 4},
    **{
        "push_dataset": 5,
        "push_model": 5,
        "dpo_demonstrate": 6,
        "dpo_train": 4,
        "shard_0": 6,
        "shard_1": 4,
        "merged": 5,
    },
}


@pytest.mark.parametrize("verb", KILLS)
def test_a_killed_verb_goes_on_to_the_same_files(run, draw, verb):
    """Killed so often, and given once more: a chain of kills that comes to its end is begun anew."""
    left = KILLS[verb]
    while left:
        run.restore(run.before[verb])
        run.calls()
        kills = []
        while True:
            kills.append(draw.randint(1, run.moments[verb]) if left else 0)
            ending = run.forks(*VERBS[verb], kill=kills[-1])
            if ending.code is not None:
                break
            left -= 1
        assert ending.code == 0, (kills, ending)
        there = run.tree()
        if verb.startswith("shard"):  # others may be writing: the start that puts all together removes what is left
            there = {name: content for name, content in there.items() if not name.endswith(STAGING)}
        assert differences(there, run.at_end[verb]) == [], kills
        paid = Counter(run.calls())
        assert paid.keys() == set(run.paid[verb]), kills
        assert paid.total() - len(paid) < len(kills), "a kill costs no more than the call it came upon"
