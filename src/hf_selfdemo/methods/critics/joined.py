"""Several critics joined into one, by their names in a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hf_selfdemo.core.errors import UserError, reason
from hf_selfdemo.core.loading import load, made_own, own_version
from hf_selfdemo.core.manifest import fingerprint
from hf_selfdemo.core.protocols import Critic, check_contract
from hf_selfdemo.core.ranges import POSITIVE
from hf_selfdemo.core.types import Critique, Evidence, Passage, Question
from hf_selfdemo.methods.critics import CRITICS
from hf_selfdemo.prompting.prompts import fill, templates_hash

TEMPLATES = "corgi/*.txt"
"""The templates of the critics' messages."""

_TRIAL = Evidence(Question("trial", "Who discovered germanium?"), (Passage("1", "Clemens Winkler did.", "Germanium"),))
_TRIAL_REPLIES = ("Clemens Winkler, in 1886 [1].", "I don't know.")


@dataclass(frozen=True)
class Named:
    """A critic with its name in a recipe and its weight.

    `version` is a hash of the file of a critic from outside this package, so that a changed file is another critic.
    """

    name: str
    critic: Critic
    weight: float = 1.0
    version: str = ""


@dataclass(frozen=True)
class Critics:
    """Several critics as one: the weighted mean of their scores, and their messages with the request to answer again.

    A critic that needs no gold answer sees only the question and the passages. An empty reply gets 0 without asking the
    critics. The constructor tries every critic on a made-up row, so that a broken one is found before any call.

    Args:
        named: the critics.

    Raises:
        UserError: if one is not a critic, two have the same name, or one fails, in the trial or later; it names the
            critic and the row.

    Example:
        >>> from hf_selfdemo.methods.critics.at_most_words import AtMostWords
        >>> from hf_selfdemo.methods.critics.declines_right import DeclinesRight
        >>> both = Critics((Named("at_most_words", AtMostWords(2)), Named("declines_right", DeclinesRight(), 3.0)))
        >>> row = Evidence(Question("1", "Who?", ("Winkler",)), (Passage("a", "It was he."),))
        >>> print(both.critique(row, "It was Marie Curie").message)  # doctest: +NORMALIZE_WHITESPACE
        Your reply has 4 words. Use at most 2. The passages do not hold the answer. Say that you do not know. Answer
        the question again.
        >>> both.critique(row, "It was Marie Curie").score, both.without_gold.critique(row, "It was Curie, she").score
        (0.125, 0.5)
    """

    named: tuple[Named, ...]

    def __post_init__(self) -> None:
        names = [one.name for one in self.named]
        if twice := [name for name in names if names.count(name) > 1]:
            raise UserError(f"critics names {twice[0]!r} twice", "name each critic once")
        for one in self.named:
            check_contract(one.critic, Critic, f"critic {one.name!r}")
            POSITIVE.check(critic_weights=one.weight)
            for text in _TRIAL_REPLIES:
                _word(one, _TRIAL, text)

    def __bool__(self) -> bool:
        return bool(self.named)

    @property
    def without_gold(self) -> Critics:
        """The critics that need no gold answer, which may be used at inference."""
        return Critics(tuple(one for one in self.named if not one.critic.needs_gold))

    @property
    def identity(self) -> str:
        """A fingerprint of everything that decides their critiques."""
        made = [(one.name, repr(one.critic) if one.name in CRITICS else one.version, one.weight) for one in self.named]
        return fingerprint([made, templates_hash([TEMPLATES])])

    def critique(self, evidence: Evidence, text: str) -> Critique:
        """Score a reply and say what to fix; the message is empty if the reply satisfies all critics."""
        if not text.strip():
            return Critique(0.0, _again([fill("corgi/empty")]))
        found = [(one.weight, _word(one, evidence, text)) for one in self.named]
        messages = [said.message.strip() for _, said in found if said.message.strip()]
        score = sum(weight * said.score for weight, said in found) / sum(weight for weight, _ in found)
        return Critique(min(1.0, score), _again(messages) if messages else "")


def named_critics(names: Sequence[str], weights: Sequence[float] = (), most_words: int = 12) -> Critics:
    """The critics that a recipe names.

    Args:
        names: names in `CRITICS`, or `package.module:make`, where `make()` returns a critic.
        weights: one weight per name; empty for equal weights.
        most_words: maximum number of words for `at_most_words`.

    Raises:
        UserError: if a name is unknown or does not name a critic, or the number of weights differs.
    """
    if not names:
        raise UserError("critics is empty", f"name one or more of {', '.join(CRITICS)}")
    if weights and len(weights) != len(names):
        raise UserError(f"critic_weights has {len(weights)} weights for {len(names)} critics", "give one per critic")
    own = {"at_most_words": {"most_words": most_words}}
    found = []
    for name, weight in zip(names, weights or [1.0] * len(names), strict=True):
        if ":" in name:
            found.append(replace(_from_outside(name), weight=weight))
        else:
            found.append(Named(name, load("critic", name, CRITICS)(**own.get(name, {})), weight))
    return Critics(tuple(found))


def _from_outside(name: str) -> Named:
    """A critic from outside this package."""
    critic: Critic = made_own("critic", name)
    return Named(name, critic, version=own_version(name))


def _word(one: Named, evidence: Evidence, text: str) -> Critique:
    """The critique of one critic, which sees the gold answer only if it needs it.

    Raises:
        UserError: if the critic fails or does not return a `Critique`.
    """
    asked = evidence.question
    shown = evidence if one.critic.needs_gold else Evidence(Question(asked.id, asked.text), evidence.passages)
    remedy = "fix it or remove it from critics, and repeat the command; calls in the generation cache are not repeated"
    try:
        said = one.critic.critique(shown, text)
    except Exception as error:  # a critic from outside may raise any error
        raise UserError(f"critic {one.name!r} failed on row {evidence.id!r} ({reason(error)})", remedy) from error
    if not isinstance(said, Critique):
        what = f"critic {one.name!r} returned a {type(said).__name__} for row {evidence.id!r}, not a Critique"
        raise UserError(what, remedy)
    return said


def _again(messages: Sequence[str]) -> str:
    return fill("corgi/again", messages=messages)
