"""The paper's cube task: a Gymnasium environment, an oracle of settable reliability, and when it is asked."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

SCRIPT = Path(__file__).parent.parent / "examples/lagr_seq_cubes.py"


@pytest.fixture(scope="module")
def cubes():
    return SimpleNamespace(**runpy.run_path(str(SCRIPT)))


def test_it_is_a_gymnasium_environment(cubes):
    check_env(cubes.CubeStacking(), skip_render_check=True)


def test_right_cubes_stay_wrong_ones_are_taken_away_and_the_whole_stack_ends_the_task(cubes):
    env = cubes.CubeStacking((2, 1, 3))
    env.reset(seed=0)
    seen, rewards, ends = zip(*((tuple(s), r, end) for s, r, end, *_ in map(env.step, (3, 2, 0, 2, 1, 3))), strict=True)
    assert seen == ((0, 0, 0), (2, 0, 0), (0, 0, 0), (2, 0, 0), (2, 1, 0), (2, 1, 3))
    assert rewards == pytest.approx((0, 1 / 3, -1 / 3, 1 / 3, 1 / 3, 4 / 3)) and ends == (False,) * 5 + (True,)
    with pytest.raises(ValueError, match="give every cube from 1 to 2 once"):
        cubes.CubeStacking((1, 1))


@pytest.mark.parametrize(("reliability", "right"), [(0.0, []), (1.0, [3, 4, 5, 6, 7])])
def test_the_oracle_is_as_reliable_as_it_is_set_and_repeats_itself(cubes, reliability, right):
    oracle = cubes.Oracle((3, 1, 2, 4, 5, 6, 7, 8), reliability, 3, np.random.default_rng(0))
    proposals = [oracle(height) for height in range(8)]
    assert [height for height, found in enumerate(proposals) if found == oracle.order] == right
    assert [oracle(height) for height in range(8)] == proposals and (oracle.queries, len(oracle.proposals)) == (16, 8)


def test_a_gate_learns_where_to_ask_and_saves_queries(cubes, capsys):
    runs = cubes.main(["--trials", "3", "--episodes", "40", "--reliability", "1"])
    queries = {asking: sum(run.queries for run in found) for asking, found in runs.items()}
    assert 0 == queries["never"] < queries["learnt"] < queries["always"] / 2
    assert all(run.values[3] > 0.5 > 0 > run.values[0] for run in runs["learnt"])
    assert sum(run.steps for run in runs["learnt"]) < sum(run.steps for run in runs["never"])
    said = capsys.readouterr().out
    assert all(name in said for name in ("LaGR-SEQ", "LaGR without SEQ", "Q-learning", "3: +"))


def test_an_oracle_that_is_never_right_is_hardly_asked(cubes):
    runs = {asking: cubes.trial(asking, 0, 40, 0.0, 3) for asking in ("always", "learnt")}
    assert runs["learnt"].queries < runs["always"].queries / 5
    assert all(value <= 0 for value in runs["learnt"].values.values())


def test_a_task_is_solved_from_the_first_of_several_solved_episodes(cubes):
    solved = [False, True, True, False, *[True] * 5, False]
    assert cubes.Run(solved, 0, 0, 0, {}).solved_from == 5
    assert cubes.Run([True] * 4, 0, 0, 0, {}).solved_from == 5, "none: one more than there are"
