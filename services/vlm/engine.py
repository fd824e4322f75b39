"""One model answering one request at a time. Knows how the parts fit together; knows no HTTP.

A request is prepared first, and everything that can be wrong with it is found there. Then it is generated: each
token is chosen by our own sampler under the grammar and the copy constraint.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList

from services.vlm import schema
from services.vlm.arguments import ArgumentCopier
from services.vlm.chat import ChatReader, without_prefix, words_of_user
from services.vlm.copying import CopyVocabulary
from services.vlm.decoding import Choose, Decoding, FinishReason, Stop
from services.vlm.defusing import Defuser
from services.vlm.grammar import Grammar, GrammarMaker
from services.vlm.loading import LoadedVlm
from services.vlm.output import CallPiece, Markers, OutputParser, Piece, TextPiece
from services.vlm.prompt import Prompt, PromptMaker
from services.vlm.request import ChatRequest
from services.vlm.sampling import Sampler
from services.vlm.settings import VlmSettings
from services.vlm.vocabulary import read_vocabulary
from shared.errors import UnknownModel


@dataclass(frozen=True)
class Prepared:
    """A request that is ready to run, once."""

    prompt: Prompt
    grammar: Grammar
    parser: OutputParser
    copier: ArgumentCopier | None
    sampler: Sampler
    free_arguments: dict[str, frozenset[str]]


@dataclass(frozen=True)
class Outcome:
    """How an answer ended, and its token counts."""

    finish_reason: FinishReason
    prompt_tokens: int
    image_tokens: int
    completion_tokens: int


@dataclass
class Answer:
    """A whole answer."""

    outcome: Outcome
    text: str = ""
    calls: list[CallPiece] = field(default_factory=list)

    @classmethod
    def of(cls, pieces: list[Piece], outcome: Outcome) -> "Answer":
        text = "".join(piece.text for piece in pieces if isinstance(piece, TextPiece))
        return cls(outcome, text, [piece for piece in pieces if isinstance(piece, CallPiece)])


class Engine:
    """Serves one loaded model."""

    def __init__(self, vlm: LoadedVlm, settings: VlmSettings) -> None:
        """Raises FolderRefused if the model's tokenizer or markers cannot be used."""
        self.vlm = vlm
        self._vocabulary = read_vocabulary(vlm.tokenizer, vlm.eos_ids)
        marks, copying = vlm.folder.tool_call, vlm.folder.copy_arguments
        self._markers = Markers(begin=self._vocabulary.marker(marks.begin), end=self._vocabulary.marker(marks.end))
        self._grammars = GrammarMaker(self._vocabulary, marks, settings.vlm_max_tool_calls)
        self._copy_prefix = copying.prefix if copying else ""
        self._copy_vocabulary = CopyVocabulary(self._vocabulary.texts) if copying else None
        reader = ChatReader(
            vlm.processor, Defuser(vlm.tokenizer, (marks.begin, marks.end)), settings.vlm_max_images, self._copy_prefix
        )
        longest = max(len(text) for text in self._vocabulary.texts)
        self._prompts = PromptMaker(vlm, reader, settings.vlm_max_tokens, longest)
        self._lock = threading.Lock()

    def prepare(self, request: ChatRequest) -> Prepared:
        """Check a request and make it ready to run. May be called while another one is generated.

        Raises:
            InvalidRequest or one of its kinds: what is wrong with it.
        """
        if request.model != self.vlm.name:
            raise UnknownModel(f"That model is not served here. Ask for {self.vlm.name}.", param="model")
        free = {tool.function.name: schema.free_strings(tool) for tool in request.tools or []}
        grammar = self._grammars.make(request)
        prompt = self._prompts.make(request)
        calls = bool(request.tools) and request.tool_choice != "none"
        copier = None
        if self._copy_vocabulary is not None and calls:
            copier = ArgumentCopier(self._copy_vocabulary, words_of_user(request.messages), self._copy_prefix)
        markers = self._markers if calls else None
        parser = OutputParser(markers, free, request.stops, copier, document=request.document is not None)
        return Prepared(prompt, grammar, parser, copier, self._sampler(request), free)

    def generate(
        self, prepared: Prepared, emit: Callable[[Piece], None], gone: threading.Event | None = None
    ) -> Outcome:
        """Write the answer. One at a time: waits for its turn.

        Args:
            emit: called with each piece of the answer as it becomes known, in this thread.
            gone: once set, generation ends within one token.
        """
        decoding = self.decoding(prepared, emit, gone or threading.Event())
        with self._lock, torch.inference_mode():
            if not decoding.over:
                self._decode(prepared.prompt, decoding)
        return Outcome(
            finish_reason=decoding.finish(),
            prompt_tokens=prepared.prompt.prompt_tokens,
            image_tokens=prepared.prompt.image_tokens,
            completion_tokens=decoding.tokens,
        )

    def decoding(self, prepared: Prepared, emit: Callable[[Piece], None], gone: threading.Event) -> Decoding:
        """The answer of a prepared request before its first token. It wants logits; where they come from is open."""
        return Decoding(
            grammar=prepared.grammar,
            parser=prepared.parser,
            copier=prepared.copier,
            sampler=prepared.sampler,
            eos_ids=self.vlm.eos_ids,
            texts=self._vocabulary.texts,
            emit=lambda piece: emit(self._plain(piece, prepared)),
            gone=gone,
        )

    def answer(self, request: ChatRequest) -> Answer:
        """Prepare and generate at once."""
        pieces: list[Piece] = []
        outcome = self.generate(self.prepare(request), pieces.append)
        return Answer.of(pieces, outcome)

    def _decode(self, prompt: Prompt, decoding: Decoding) -> None:
        self.vlm.model.generate(  # pyright: ignore[reportCallIssue] - transformers mixes it in
            **prompt.inputs,
            generation_config=GenerationConfig(do_sample=False, max_new_tokens=prompt.max_tokens),
            logits_processor=LogitsProcessorList([Choose(decoding)]),
            stopping_criteria=StoppingCriteriaList([Stop(decoding)]),
        )

    def _sampler(self, request: ChatRequest) -> Sampler:
        return Sampler(
            temperature=self.vlm.temperature if request.temperature is None else request.temperature,
            top_p=self.vlm.top_p if request.top_p is None else request.top_p,
            seed=request.seed,
            frequency_penalty=request.frequency_penalty or 0.0,
            presence_penalty=request.presence_penalty or 0.0,
        )

    def _plain(self, piece: Piece, prepared: Prepared) -> Piece:
        if not isinstance(piece, CallPiece) or not self._copy_prefix:
            return piece
        free = prepared.free_arguments.get(piece.name, frozenset())
        return replace(piece, arguments=without_prefix(piece.arguments, free, self._copy_prefix))
