"""Question and text in, spans with margins out: one extractive model on ONNX Runtime.

What lives here: `SpanModel` (windows, logits, best spans) and `EncodedText`, a text cut into tokens once.
When to add here: another layout of model inputs.
What to keep out: which questions are asked of which text (`local.py`), where the files come from (`model_files.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nurseconv_dagster.errors import ModelError
from nurseconv_dagster.extraction.providers.model_files import ModelFiles

MISSED_MARGIN = -5.0  # counted for a wording that does not offer a span at all
_NEVER = -1e9  # below any logit
_DEFAULT_LENGTH, _DEFAULT_STRIDE, _DEFAULT_ANSWER, _DEFAULT_QUESTION = 384, 192, 48, 64


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A text and its tokens.

    Args:
        ids: shape (n_tokens,).
        offsets: shape (n_tokens, 2), code points into `text`.
        lines: shape (n_tokens,), the number of line ends before each token.
    """

    text: str
    ids: NDArray[np.int64]
    offsets: NDArray[np.int64]
    lines: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch that a window offers as the answer.

    Args:
        start: offset into the text, code points.
        end: one past the last code point.
        margin: score of the span minus score of "not answered here"; no probability.
    """

    start: int
    end: int
    margin: float


@dataclass(frozen=True, slots=True)
class Asking:
    """How thoroughly a text is asked.

    Args:
        top_k: most spans that one wording may offer in one window.
        give_up_below: margin of the first wording under which a window is not asked in the others.
        is_worth_asking: given a window's begin and end in the text; null means that all are.
    """

    top_k: int = 1
    give_up_below: float = -math.inf
    is_worth_asking: Callable[[int, int], bool] | None = None


@dataclass(frozen=True, slots=True)
class _Frame:
    """The special tokens around question and text, and the type ids of the two halves."""

    before: list[int]
    between: list[int]
    after: list[int]
    types: tuple[int, int]

    @property
    def n_tokens(self) -> int:
        return len(self.before) + len(self.between) + len(self.after)


@dataclass(frozen=True, slots=True)
class _Scores:
    """One window's scores: of each token as begin and as end, shape (n_tokens,), and of "not answered here"."""

    start: NDArray[np.float32]
    end: NDArray[np.float32]
    null: float


class SpanModel:
    """An extractive model of the SQuAD kind, loaded."""

    def __init__(self, files: ModelFiles, *, threads: int = 1) -> None:
        """Loads tokenizer and weights.

        Args:
            files: from `find_reader()`.
            threads: of one inference, >= 1.

        Raises:
            ModelError: the files are not a model of this kind.
        """
        self.files = files
        self._session = _open_session(files, threads)
        self._inputs = {item.name for item in self._session.get_inputs()}
        self._outputs = _logit_names([item.name for item in self._session.get_outputs()])
        self._tokenizer = _open_tokenizer(files)
        self._frame = _frame(self._tokenizer)
        get = files.config.get
        self._length = int(get("max_length", _DEFAULT_LENGTH))
        self._stride = int(get("stride", _DEFAULT_STRIDE))
        self._max_answer = int(get("max_answer_tokens", _DEFAULT_ANSWER))
        self._max_question = int(get("max_question_tokens", _DEFAULT_QUESTION))

    def encode(self, text: str) -> EncodedText:
        """The text in tokens; done once, asked often."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        offsets = np.array(encoding.offsets, np.int64).reshape(-1, 2)
        line_ends = np.array([i for i, ch in enumerate(text) if ch == "\n"], np.int64)
        lines = np.searchsorted(line_ends, offsets[:, 0])
        return EncodedText(text, np.array(encoding.ids, np.int64), offsets, lines)

    def ask(self, wordings: Sequence[str], text: EncodedText, options: Asking = Asking()) -> tuple[Span, ...]:
        """Spans by margin, the best first, none overlapping a better one; no threshold is applied.

        Windows are asked one by one, unpadded: int8 ranges depend on what shares a batch. Every window is asked in the
        first wording, and in the others only where that one does not find it hopeless; a span's margin is the mean.

        Args:
            wordings: of one question, each cut at the model's limit of question tokens.
            text: from `encode()`.
            options: what may be skipped.
        """
        questions = [
            self._tokenizer.encode(each, add_special_tokens=False).ids[: self._max_question] for each in wordings
        ]
        found: list[Span] = []
        for first, part in self._windows(text, max(len(ids) for ids in questions)):
            reach = int(text.offsets[first, 0]), int(text.offsets[first + len(part) - 1, 1])
            if options.is_worth_asking is None or options.is_worth_asking(*reach):
                found += self._ask_window(questions, text, first, part, options)
        return _without_overlaps(found)

    def _ask_window(
        self, questions: list[list[int]], text: EncodedText, first: int, part: NDArray[np.int64], options: Asking
    ) -> list[Span]:
        by_wording: list[list[Span]] = []
        for ids in questions:
            scores = self._logits(ids, part)
            by_wording.append(self._best_spans(scores, text, first, len(part), options.top_k))
            if max((span.margin for span in by_wording[0]), default=_NEVER) < options.give_up_below:
                break
        return _mean_margins(by_wording)

    def _windows(self, text: EncodedText, n_question: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
        room = self._length - n_question - self._frame.n_tokens
        first = 0
        while len(text.ids) and (first == 0 or first - self._stride + room < len(text.ids)):
            yield first, text.ids[first : first + room]
            first += self._stride

    def _logits(self, question: list[int], part: NDArray[np.int64]) -> _Scores:
        frame = self._frame
        head = [*frame.before, *question, *frame.between]
        tail = [*part.tolist(), *frame.after]
        ids = np.array([head + tail], np.int64)
        feed = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.array([[frame.types[0]] * len(head) + [frame.types[1]] * len(tail)], np.int64),
        }
        given = {key: value for key, value in feed.items() if key in self._inputs}
        start, end = (logits[0] for logits in self._session.run(self._outputs, given))
        of_text = slice(len(head), len(head) + len(part))
        return _Scores(start[of_text], end[of_text], float(start[0] + end[0]))

    def _best_spans(self, scores: _Scores, text: EncodedText, first: int, n_text: int, top_k: int) -> list[Span]:
        """The window's best spans; null is the first token, a span never runs over a line end.

        Source: the null rule of SQuAD 2 readers (Devlin et al. 2019), with the limits of the model's own config.
        """
        grid = scores.start[:, None] + scores.end[None, :]
        line = text.lines[first : first + n_text]
        reach = np.arange(n_text)[None, :] - np.arange(n_text)[:, None]
        grid = np.where((reach >= 0) & (reach < self._max_answer) & (line[:, None] == line[None, :]), grid, _NEVER)
        spans: list[Span] = []
        for _ in range(min(top_k, n_text)):
            i, j = divmod(int(grid.argmax()), n_text)
            if grid[i, j] <= _NEVER:
                break
            where = text.offsets[first + i, 0], text.offsets[first + j, 1]
            spans.append(Span(int(where[0]), int(where[1]), float(grid[i, j]) - scores.null))
            grid[: j + 1, i:] = _NEVER  # whatever begins before its end and ends after its begin overlaps it
        return spans


def _mean_margins(by_wording: list[list[Span]]) -> list[Span]:
    """Each span with the mean, over the wordings, of the best margin that overlaps it; a miss counts low."""
    spans = {(span.start, span.end): span for spans in by_wording for span in spans}
    means = []
    for start, end in spans:
        margins = [
            max((s.margin for s in offered if s.start < end and s.end > start), default=MISSED_MARGIN)
            for offered in by_wording
        ]
        means.append(Span(start, end, sum(margins) / len(margins)))
    return means


def _without_overlaps(spans: list[Span]) -> tuple[Span, ...]:
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: -span.margin):
        if all(span.end <= other.start or span.start >= other.end for other in kept):
            kept.append(span)
    return tuple(kept)


def _open_session(files: ModelFiles, threads: int) -> Any:
    import onnxruntime as ort
    from onnxruntime.capi import onnxruntime_pybind11_state as failures

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(files.weights, options, providers=["CPUExecutionProvider"])
    except (failures.Fail, failures.InvalidProtobuf, failures.InvalidGraph, failures.NotImplemented) as error:
        raise ModelError(f"QA_MODEL={files.name}: its ONNX file cannot be loaded ({type(error).__name__}).") from error


def _logit_names(names: list[str]) -> list[str]:
    for pair in (["start_logits", "end_logits"], ["output_0", "output_1"]):
        if set(pair) <= set(names):
            return pair
    raise ModelError(f"QA_MODEL: a reader must give start_logits and end_logits; this model gives {', '.join(names)}.")


def _open_tokenizer(files: ModelFiles) -> Any:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(files.tokenizer))
    except Exception as error:  # tokenizers raises the bare class
        raise ModelError(f"QA_MODEL={files.name}: its tokenizer.json cannot be read.") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _frame(tokenizer: Any) -> _Frame:
    """The special tokens, read off a pair of one-word texts: BERT and RoBERTa put them differently."""
    pair = tokenizer.encode("a", "b")
    special = [i for i, mask in enumerate(pair.special_tokens_mask) if mask]
    plain = [i for i, mask in enumerate(pair.special_tokens_mask) if not mask]
    if not special or special[0] != 0:
        raise ModelError("QA_MODEL: the tokenizer puts no token before the question, so there is no null answer.")
    second = next(i for i in plain if pair.sequence_ids[i] == 1)
    last_first = max(i for i in plain if pair.sequence_ids[i] == 0)
    ids, types = pair.ids, pair.type_ids
    before = [ids[i] for i in special if i < plain[0]]
    between = [ids[i] for i in special if last_first < i < second]
    after = [ids[i] for i in special if i > second]
    return _Frame(before, between, after, (types[plain[0]], types[second]))
