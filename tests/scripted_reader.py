"""A script that answers embedded questions from shown passages, sometimes wrongly, and tells log-probabilities."""

from dataclasses import replace

from hf_selfdemo.data.questions import read_questions
from hf_selfdemo.generation.scripted import ScriptedGenerator


class Reading(ScriptedGenerator):
    """Right where passages hold the answer, except for every third question by length; without passages never right."""

    def __init__(self, *_):
        super().__init__(self.read)
        self.answers = {
            q.text: q.answers for part in ("train", "dev", "test") for q in read_questions("embedded", part)
        }

    def read(self, request):
        text = request.messages[0]["content"]
        [question] = [question for question in self.answers if question in text]
        held = [answer for answer in self.answers[question] if answer in text.replace(question, "")]
        return held[0] if held and len(question) % 3 else "Atlantis"

    def stream(self, requests):
        for i, reply in super().stream(requests):
            yield i, replace(reply, logprob=-1 / len(requests[i].messages[0]["content"]))
