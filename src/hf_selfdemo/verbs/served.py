"""The engine of each column of `evaluate`: in this process, or on a server."""

from __future__ import annotations

from collections.abc import Sequence

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.protocols import Generator
from hf_selfdemo.generation.models import ResolvedModel
from hf_selfdemo.generation.tuned import weights_hash
from hf_selfdemo.recipe.engine import at_server
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.verbs.ability import AbilityCheck
from hf_selfdemo.verbs.cluster.runner import Cluster
from hf_selfdemo.verbs.columns import Asked
from hf_selfdemo.verbs.networks import Networks


class Engines:
    """The engine of every column.

    Args:
        recipe: the recipe, for the options of the server.
        networks: the models in this process.
        base: the base model.
    """

    def __init__(self, recipe: Recipe, networks: Networks, base: ResolvedModel) -> None:
        self._recipe, self._networks, self._base = recipe, networks, base
        self._servers: dict[str, Generator] = {}

    def of(self, column: Asked) -> Generator:
        """The engine of a column.

        The identity of a server's engine includes the hash of the weights, so cached replies of other weights with the
        same name on the server are not reused.
        """
        if not column.served:
            return self._networks.engine(column.weights)
        weights = weights_hash(column.weights) if column.weights else self._base.fingerprint
        identity = f"server/{column.served}/{weights}"
        if identity not in self._servers:
            server = at_server(self._recipe, column.served, logprobs=True)
            server.identity = identity
            self._servers[identity] = server
        return self._servers[identity]

    def base(self, column: Asked) -> str:
        """The identity of the base model as a judge."""
        return self.of(column).identity if column.served else self._base.fingerprint


def refuse_served(columns: Sequence[Asked], ability: AbilityCheck, cluster: Cluster | None) -> None:
    """Reject options that models on a server do not support.

    Raises:
        UserError: if other abilities should be measured, or a Ray cluster should make the calls.
    """
    served = next((column.name for column in columns if column.served), "")
    if served and ability:
        what = f"{served!r} is on a server, which does not return the likelihood of a text, as other abilities need"
        raise UserError(what, "leave choice_questions and instruction_prompts out, or served")
    if served and cluster:
        what = f"runner is ray, but {served!r} is on a server"
        raise UserError(what, "leave runner out, because the server batches the calls")
