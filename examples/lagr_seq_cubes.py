"""The cube task of LaGR-SEQ (Karimpanal et al. 2023, arXiv 2308.13542): an agent learns when to ask an oracle.

    pip install gymnasium
    python examples/lagr_seq_cubes.py --reliability 0.9 --clear_from 3

The agent stacks eight cubes in a hidden order by Q-learning. An oracle, which stands for the paper's language model, is
shown the stack and proposes the whole order. A second agent, a bandit, learns at which height of the stack the oracle's
proposals are right. It is compared with asking whenever the stack has grown, and with never asking.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Literal

import gymnasium
import numpy as np

CUBES, HORIZON = 8, 50
ALPHA, GAMMA, LEAST_EPSILON = 0.1, 0.95, 0.05
IN_A_ROW = 5
"""A task is solved from the first of so many episodes in a row that end with the whole stack."""

Asking = Literal["never", "always", "learnt"]
WORDS = {"learnt": "LaGR-SEQ", "always": "LaGR without SEQ", "never": "Q-learning"}


class CubeStacking(gymnasium.Env):
    """Stack cubes in a hidden order. A wrongly placed cube is taken away again at once.

    Actions: 0 removes the top cube, i places cube i. Observations: the cubes from the bottom, 0 where there is none.
    The reward is the change of the stack's height, as a share of the whole, and 1 more when it is complete.

    Args:
        order: the hidden order, a permutation of 1 to its length.
    """

    def __init__(self, order: Sequence[int] = tuple(range(CUBES, 0, -1))) -> None:
        if sorted(order) != list(range(1, len(order) + 1)):
            raise ValueError(f"order is {order}: give every cube from 1 to {len(order)} once")
        self.order = tuple(order)
        self.action_space = gymnasium.spaces.Discrete(len(order) + 1)
        self.observation_space = gymnasium.spaces.MultiDiscrete([len(order) + 1] * len(order))
        self._height = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self._height = 0
        return self._stack(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        before = self._height
        if action == 0:
            self._height = max(0, before - 1)
        elif action == self.order[before]:
            self._height += 1
        complete = self._height == len(self.order)
        reward = (self._height - before) / len(self.order) + complete
        return self._stack(), float(reward), complete, False, {}

    def _stack(self) -> np.ndarray:
        shown = self.order[: self._height] + (0,) * (len(self.order) - self._height)
        return np.array(shown, dtype=self.observation_space.dtype)


@dataclass
class Oracle:
    """Proposes the whole order for a stack. Proposals are kept by stack, as the paper keeps those of its model.

    Args:
        order: the right one.
        reliability: how likely a proposal is right, where the stack is high enough to show the pattern.
        clear_from: cubes from which it is; below it every proposal is wrong.
        rng: of the proposals.
    """

    order: tuple[int, ...]
    reliability: float
    clear_from: int
    rng: np.random.Generator
    queries: int = 0
    proposals: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def __call__(self, height: int) -> tuple[int, ...]:
        """The proposal for a stack of so many cubes, which are right."""
        self.queries += 1
        if height not in self.proposals:
            right = height >= self.clear_from and self.rng.random() < self.reliability
            self.proposals[height] = self.order if right else (*self.order[:-1], self.order[0])
        return self.proposals[height]


@dataclass
class Run:
    """What came of one trial: which episodes were solved, steps in all of them, the oracle's queries, how many of these
    were new, and the gate's values by height."""

    solved: list[bool]
    steps: int
    queries: int
    calls: int
    values: dict[int, float]

    @property
    def solved_from(self) -> int:
        """The first of `IN_A_ROW` solved episodes, from 1; one more than there are where there is none."""
        starts = range(len(self.solved) - IN_A_ROW + 1)
        found = (start + 1 for start in starts if all(self.solved[start : start + IN_A_ROW]))
        return next(found, len(self.solved) + 1)


def trial(asking: Asking, seed: int, episodes: int, reliability: float, clear_from: int, epsilon: float = 1.0) -> Run:
    """Learn one hidden order.

    Args:
        asking: when the oracle is asked where the stack has grown.
        seed: of the order, the oracle and the exploration.
        episodes: how many.
        reliability: as of `Oracle`.
        clear_from: as of `Oracle`.
        epsilon: exploration of both agents in the first episode; it falls with the number of the episode.
    """
    rng = np.random.default_rng(seed)
    order = tuple(int(cube) for cube in rng.permutation(np.arange(1, CUBES + 1)))
    env = gymnasium.wrappers.TimeLimit(CubeStacking(order), HORIZON)
    oracle = Oracle(order, reliability, clear_from, rng)
    values: dict[tuple[int, ...], np.ndarray] = defaultdict(lambda: np.zeros(CUBES + 1))
    gate: dict[int, float] = defaultdict(float)
    solved, steps = [], 0
    for episode in range(1, episodes + 1):
        explore = max(epsilon / episode, LEAST_EPSILON)
        state, highest, plan = tuple(env.reset()[0]), -1, []
        over = complete = False
        while not over:
            height = sum(cube > 0 for cube in state)
            if height > highest and not plan:
                highest = height
                if asks(asking, gate[height], explore, rng):
                    proposal = oracle(height)
                    good = proposal == order
                    gate[height] += ALPHA * ((1 if good else -1) - gate[height])
                    plan = list(proposal[height:]) if good else []
            action = plan.pop(0) if plan else greedy(values[state], explore, rng)
            seen, reward, complete, cut, _ = env.step(action)
            after = tuple(seen)
            best = 0.0 if complete else values[after].max()
            values[state][action] += ALPHA * (reward + GAMMA * best - values[state][action])
            state, over, steps = after, complete or cut, steps + 1
        solved.append(complete)
    return Run(solved, steps, oracle.queries, len(oracle.proposals), dict(gate))


def asks(asking: Asking, value: float, explore: float, rng: np.random.Generator) -> bool:
    """Whether the oracle is asked; skipping has the value 0, and of equal values either may be chosen."""
    if asking != "learnt":
        return asking == "always"
    return bool(rng.random() < 0.5) if value == 0 or rng.random() < explore else value > 0


def greedy(values: np.ndarray, explore: float, rng: np.random.Generator) -> int:
    """The best action, one of the best drawn at random, or with probability `explore` any."""
    best = np.flatnonzero(values == values.max())
    return int(rng.integers(len(values)) if rng.random() < explore else rng.choice(best))


def main(argv: Sequence[str] | None = None) -> dict[str, list[Run]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reliability", type=float, default=0.9, help="how likely a clear stack is completed rightly")
    parser.add_argument("--clear_from", type=int, default=3, help="cubes from which the oracle can know the order")
    parser.add_argument("--episodes", type=int, default=100, help="of each trial")
    parser.add_argument("--trials", type=int, default=10, help="each with another order")
    given = parser.parse_args(argv)
    runs: dict[str, list[Run]] = {}
    print(f"{'':18}{'solved from episode':>20}{'steps':>9}{'queries':>9}{'new':>6}")
    for asking, name in WORDS.items():
        each = [
            trial(asking, seed, given.episodes, given.reliability, given.clear_from) for seed in range(given.trials)
        ]
        runs[asking] = each
        told = zip(*((run.solved_from, run.steps, run.queries, run.calls) for run in each), strict=True)
        means = [fmean(column) for column in told]
        print(f"{name:18}{means[0]:20.1f}{means[1]:9.1f}{means[2]:9.1f}{means[3]:6.1f}")
    learnt = [run.values for run in runs["learnt"]]
    shown = [f"{h}: {fmean(found.get(h, 0.0) for found in learnt):+.2f}" for h in range(CUBES)]
    print(f"value of asking by height of the stack: {', '.join(shown)}")
    return runs


if __name__ == "__main__":
    main()
