"""Who answers for a column of `evaluate`: a model of this process, or one that a server has."""

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
        recipe: says how the server is called.
        networks: the models of this process.
        base: the base model.
    """

    def __init__(self, recipe: Recipe, networks: Networks, base: ResolvedModel) -> None:
        self._recipe, self._networks, self._base = recipe, networks, base
        self._servers: dict[str, Generator] = {}

    def of(self, column: Asked) -> Generator:
        """Who answers for a column.

        The identity of a server's engine names the weights, too: what was asked of other weights under the same name
        on the server is not reused.
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
        """What the base model is called as a judge."""
        return self.of(column).identity if column.served else self._base.fingerprint


def refuse_served(columns: Sequence[Asked], ability: AbilityCheck, cluster: Cluster | None) -> None:
    """Refuse what cannot be done with a model on a server.

    Raises:
        UserError: if other abilities are to be measured, or the calls are to be made by a Ray cluster.
    """
    served = next((column.name for column in columns if column.served), "")
    if served and ability:
        what = f"{served!r} is on a server, which does not tell how likely a text is, as other abilities need"
        raise UserError(what, "leave out choice_questions and instruction_prompts, or served")
    if served and cluster:
        what = f"runner is ray and {served!r} is on a server"
        raise UserError(what, "leave out runner: the server batches the calls")
