# What `__init__.py` imports when it is first used, with its types: checkers and editors cannot follow that.
# tests/test_package.py holds the two together.

from hf_selfdemo.builder import SelfDemoBuilder as SelfDemoBuilder
from hf_selfdemo.conversation import ask as ask
from hf_selfdemo.conversation import converse as converse
from hf_selfdemo.demonstrations import demonstrate as demonstrate
from hf_selfdemo.errors import UserError as UserError
from hf_selfdemo.evaluation import predict as predict
from hf_selfdemo.generation.recorded import RecordedGenerator as RecordedGenerator
from hf_selfdemo.generation.scripted import ScriptedGenerator as ScriptedGenerator
from hf_selfdemo.generation.server import ServerGenerator as ServerGenerator
from hf_selfdemo.generation.transformers import TransformersGenerator as TransformersGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge as AnswerMatchJudge
from hf_selfdemo.judging.llm_label import LlmLabelJudge as LlmLabelJudge
from hf_selfdemo.judging.match_then_llm import MatchThenLlmJudge as MatchThenLlmJudge
from hf_selfdemo.judging.tournament import TournamentJudge as TournamentJudge
from hf_selfdemo.ledger import Ledger as Ledger
from hf_selfdemo.prompt_search import SearchSettings as SearchSettings
from hf_selfdemo.prompt_search import search_prompts as search_prompts
from hf_selfdemo.questions import read_passages as read_passages
from hf_selfdemo.questions import read_questions as read_questions
from hf_selfdemo.retrieval.bm25 import BM25Retriever as BM25Retriever
from hf_selfdemo.retrieval.evidence import collect_evidence as collect_evidence
from hf_selfdemo.retrieval.evidence import leave_gold_out as leave_gold_out
from hf_selfdemo.scoring.outcomes import figures as figures
from hf_selfdemo.strategies.ra_it import RaIt as RaIt
from hf_selfdemo.strategies.raft import Raft as Raft
from hf_selfdemo.strategies.self_demo import SelfDemo as SelfDemo
from hf_selfdemo.training.collator import SelfDemoDataCollator as SelfDemoDataCollator
from hf_selfdemo.training.dpo import SelfDemoDPOConfig as SelfDemoDPOConfig
from hf_selfdemo.training.dpo import SelfDemoDPOTrainer as SelfDemoDPOTrainer
from hf_selfdemo.training.generated import GeneratedEvaluation as GeneratedEvaluation
from hf_selfdemo.training.meter import OnPolicyMeter as OnPolicyMeter
from hf_selfdemo.training.preflight import examine as examine
from hf_selfdemo.training.preflight import preflight as preflight
from hf_selfdemo.training.sft import SelfDemoConfig as SelfDemoConfig
from hf_selfdemo.training.sft import SelfDemoTrainer as SelfDemoTrainer
from hf_selfdemo.types import (
    Candidate as Candidate,
)
from hf_selfdemo.types import (
    Demonstration as Demonstration,
)
from hf_selfdemo.types import (
    Evidence as Evidence,
)
from hf_selfdemo.types import (
    Passage as Passage,
)
from hf_selfdemo.types import (
    Prediction as Prediction,
)
from hf_selfdemo.types import (
    Question as Question,
)
from hf_selfdemo.types import (
    Reply as Reply,
)
from hf_selfdemo.types import (
    Request as Request,
)
from hf_selfdemo.types import (
    Verdict as Verdict,
)

__all__: list[str]
