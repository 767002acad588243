"""The README beside trained weights: what they are, and how to prompt them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hf_selfdemo.core.types import Passage
from hf_selfdemo.methods.answering import single_prompt


@dataclass(frozen=True)
class Card:
    """The README of a model folder. `hf-selfdemo push` writes one with figures, recipe and limits for the Hub.

    Args:
        name: name of the model.
        base: Hub id or folder of the model that was trained; empty if it was made in memory.
        adapter: whether the folder contains an adapter instead of a whole model.
        training: how it was trained, in a word or two.
        rows: number of training rows.
        tags: tags for the Hub.
        on_policy: Markdown table of the on-policy figures; may be empty.
        verdict_first: whether its replies begin with a verdict on the passages.
        own_way: whether its method needs more than one call with the usual prompt.

    Example:
        >>> card = str(Card("mine", "org/base", True, "Self-Demo SFT", 120))
        >>> "# mine" in card and "AutoPeftModelForCausalLM" in card
        True
    """

    name: str
    base: str
    adapter: bool
    training: str
    rows: int
    tags: Sequence[str] = ()
    on_policy: str = ""
    verdict_first: bool = False
    own_way: bool = False

    def __str__(self) -> str:
        parts = [self._header(), self._use(), _PROMPT.format(prompt=_prompt()), _FULL]
        if self.own_way:
            parts = [self._header(), self._use(), _FULL]
        if self.verdict_first:
            parts.insert(2, _VERDICT)
        if self.on_policy:
            parts.append(f"## On-policy figures\n\n{self.on_policy}")
        return "\n".join(parts)

    def _header(self) -> str:
        local = not self.base or Path(self.base).exists()  # a local path would mean nothing to other people
        kind, name = "An adapter" if self.adapter else "A model", Path(self.base).name if local else self.base
        return _HEADER.format(
            base_line="" if local else f"base_model: {self.base}\n",
            library="peft" if self.adapter else "transformers",
            tags="".join(f"- {tag}\n" for tag in self.tags),
            name=self.name,
            kind=f"{kind} {'for' if self.adapter else 'made from'} `{name}`" if name else kind,
            training=self.training,
            rows=self.rows,
        )

    def _use(self) -> str:
        module, loader = ("peft", "AutoPeftModelForCausalLM") if self.adapter else ("transformers", _WHOLE)
        use = _OWN_USE if self.own_way else _USE
        return use.format(module=module, loader=loader, merge=_MERGE if self.adapter else "")


def _prompt() -> str:
    """The with-passages prompt, with words in capitals as placeholders."""
    passages = [Passage(str(n), f"TEXT OF THE {which} PASSAGE", "TITLE") for n, which in enumerate(("BEST", "SECOND"))]
    return single_prompt("QUESTION", passages)[0]["content"]


_WHOLE = "AutoModelForCausalLM"

_HEADER = """\
---
{base_line}library_name: {library}
pipeline_tag: text-generation
tags:
{tags}---

# {name}

{kind} that answers short questions from the passages in its prompt, and abstains when they do not contain the answer
({training}, {rows} rows). Give it passages: it was not trained to answer without them.
"""

_USE = """\
## Use

```python
import torch
from {module} import {loader}
from transformers import AutoTokenizer

from hf_selfdemo.core.types import Passage
from hf_selfdemo.methods.answering import single_prompt
from hf_selfdemo.prompting.chat import encode_prompt

folder = "path/to/this/folder"
model = {loader}.from_pretrained(folder)
tokenizer = AutoTokenizer.from_pretrained(folder)

passages = [Passage("1", "Clemens Winkler discovered germanium in 1886.", "Germanium")]  # best first
prompt = encode_prompt(tokenizer, single_prompt("Who discovered germanium?", passages))
reply = model.generate(torch.tensor([prompt]), do_sample=False, max_new_tokens=32)
print(tokenizer.decode(reply[0, len(prompt) :], skip_special_tokens=True))
```
{merge}"""

_OWN_USE = """\
## Use

`method.json` names its method, which decides how it is prompted.

```python
from pathlib import Path

from {module} import {loader}
from transformers import AutoTokenizer

from hf_selfdemo import Evidence, Passage, Question, TransformersGenerator, converse
from hf_selfdemo.methods.method import recorded_method

folder = Path("path/to/this/folder")
model = {loader}.from_pretrained(folder)
generator = TransformersGenerator(model, AutoTokenizer.from_pretrained(folder))

passages = (Passage("1", "Clemens Winkler discovered germanium in 1886.", "Germanium"),)  # best first
asked = Evidence(Question("1", "Who discovered germanium?"), passages)
[answer] = converse([recorded_method(folder).answerer().answer(asked, "rag")], generator)
print(answer.text)
```
{merge}"""

_MERGE = """
For servers that cannot load adapters, `model.merge_and_unload().save_pretrained(...)` saves a whole model.
"""

_VERDICT = """\
Its replies begin with `Present:` or `Absent:`, which says whether the passages contain the answer. To get the answer
alone, with the probability of that word, use `recorded_method(folder).answerer()` from `hf_selfdemo.methods.method`.
"""

_PROMPT = """\
Without the package, use the prompt that it was trained on: one user turn, the best passage last. Other prompts are
untested.

```
{prompt}
```
"""

_FULL = """\
To publish it with a card that has figures, recipe and limits, run `hf-selfdemo push`.
"""
