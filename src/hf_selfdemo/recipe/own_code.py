"""Judges of your own, named in a recipe as `package.module:NAME`, and the hash that identifies their version."""

from __future__ import annotations

from hf_selfdemo.core.errors import UserError, reason
from hf_selfdemo.core.loading import load_own, made_own, own_version
from hf_selfdemo.core.protocols import Judge, check_contract
from hf_selfdemo.core.types import Candidate, Evidence, Passage, Question, Request, Verdict

_ROW = Evidence(
    Question("trial", "Who discovered germanium?", ("Clemens Winkler",)),
    (Passage("1", "Clemens Winkler did.", "Germanium"),),
    answer_in_context=True,
)
_CANDIDATES = tuple(Candidate(text, "rag", "rag") for text in ("Clemens Winkler, in 1886.", "I don't know."))


def own_judge(path: str) -> Judge:
    """Make a judge of your own and try it on an invented row, so that a broken judge costs no call.

    Args:
        path: `package.module:NAME` of a class, or of a function that makes a judge. Both are called without arguments.

    Raises:
        UserError: if it cannot be made, is not a judge, or fails on the row.
    """
    judge: Judge = made_own("judge", path)
    check_contract(judge, Judge, f"judge {path!r}")
    remedy = "fix it, and test it with hf_selfdemo.testing.JudgeContract"
    try:
        asked = next(judge.judge(_ROW, _CANDIDATES))
    except StopIteration as end:
        verdicts = end.value
        if not isinstance(verdicts, list) or [type(one) for one in verdicts] != [Verdict] * len(_CANDIDATES):
            what = f"the judge {path!r} does not return one Verdict for each of {len(_CANDIDATES)} candidates"
            raise UserError(what, remedy) from None
    except Exception as error:  # code of others raises anything
        raise UserError(f"the judge {path!r} failed on a trial row ({reason(error)})", remedy) from error
    else:
        if not asked or not all(isinstance(one, Request) for one in asked):
            raise UserError(f"the judge {path!r} does not yield a list of requests", remedy)
    return judge


def own_sources(**named: str) -> dict[str, str]:
    """Hash the source file of each part that is the user's own code, to store with what the part makes.

    Args:
        named: the name that the recipe gives for each part. Names without a colon are the package's own, and skipped.

    Raises:
        UserError: if a part cannot be imported.

    Example:
        >>> own_sources(judge="answer_match", method="self_demo")
        {}
    """
    own = {part: path for part, path in named.items() if ":" in path}
    for part, path in own.items():
        load_own(part, path)  # it may not be imported yet
    return {f"{part}_source": own_version(path) for part, path in own.items()}
