"""Whisper itself: clips of any uploads go in as one batch, text with timed words comes out, row by row.

What lives here: `Decoder` around a CTranslate2 model loaded by faster-whisper: encode, detect the language, generate,
decode doubtful rows again, align words.
When to add here: something the model is asked for.
What to keep out: which clips belong together (batching), the recording's own time (windows, timing).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nurseconv_dagster.errors import ModelError
from nurseconv_dagster.speech.gate import MIN_LOGPROB, SAMPLE_RATE_HZ, gain_of, is_silence

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from nurseconv_dagster.speech.weights import Weights

_FRAME_SAMPLES = SAMPLE_RATE_HZ // 100  # Whisper's features have one frame each 10 ms
# Whisper's features span at most this much below their maximum. Source: log_mel_spectrogram() of openai/whisper: the
# log10 power is floored at 8 below its maximum and divided by 4.
_FEATURE_SPAN = 2.0
# Source: Radford et al. 2022, section 4.5: half of the decoder's context is text; doubtful rows are decoded again at
# rising temperature, best of 5; doubtful is a mean log probability < -1 or a gzip ratio > 2.4.
_MAX_TOKENS = 224
_TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0)
_BEST_OF = 5
MAX_COMPRESSION_RATIO = 2.4


@dataclass(frozen=True, slots=True)
class Piece:
    """A word, or a part of one, as the alignment gives it.

    Args:
        text: with its leading space.
        start_s: seconds within the clip.
        end_s: seconds within the clip.
        probability: mean of its tokens' probabilities, 0..1.
        n_tokens: how many of Whisper's tokens it is made of.
    """

    text: str
    start_s: float
    end_s: float
    probability: float
    n_tokens: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """What Whisper heard in one clip.

    Args:
        text: as decoded.
        words: in order; their texts joined are `text`. They may be parts of words ("0", ".5").
        avg_logprob: mean log probability of the tokens.
        no_speech_prob: Whisper's own, 0..1.
        compression_ratio: length of the text over its zlib length.
        text_language: code of the text's language: the spoken one, or "en" when it was translated.
    """

    text: str
    words: tuple[Piece, ...]
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    text_language: str


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    tokens: list[int]
    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float

    @property
    def is_doubtful(self) -> bool:
        if is_silence(self.avg_logprob, self.no_speech_prob):
            return False  # silence: no temperature will find words, and a sampled one may look likely
        return self.compression_ratio > MAX_COMPRESSION_RATIO or self.avg_logprob < MIN_LOGPROB


class Decoder:
    """A loaded Whisper model.

    On a CPU the encoder takes rows one by one: measured with base int8 on two cores, eight at once are 30 % slower and
    need 700 MB more. The beam search takes the whole batch: twice as fast, with results equal bit by bit.
    """

    def __init__(self, weights: Weights, *, device: str, compute_type: str, beam_size: int, task: str) -> None:
        """Load the model.

        Raises:
            ModelError: there is no such device, or these weights cannot be used on it.
        """
        self._model = _load(weights, device, compute_type)
        self._beam_size = beam_size
        self._task = task
        self._tokenizers: dict[str, Any] = {}

    @property
    def compute_type(self) -> str:
        """What the model computes in, which may differ from what was asked for ("default", "auto")."""
        return str(self._model.model.compute_type)

    @property
    def languages(self) -> frozenset[str]:
        """The languages the model knows; only "en" for an English-only model."""
        return frozenset(self._model.supported_languages)

    def encode(self, clips: Sequence[npt.NDArray[np.float32]], window_s: int) -> list[Any]:
        """One encoded row for each clip, shape (1, 50 * window_s, model width).

        Args:
            clips: each shape (n_samples,), 16 kHz mono.
            window_s: seconds that each is padded to; none is longer.
        """
        import numpy as np

        features = [self._features(clip, window_s * 100) for clip in clips]
        at_once = 1 if self._model.model.device == "cpu" else len(features)
        rows: list[Any] = []
        for first in range(0, len(features), at_once):
            encoded = self._model.model.encode(_view(np.stack(features[first : first + at_once])), to_cpu=True)
            rows.extend(np.split(np.array(encoded), encoded.shape[0]))
        return rows

    def detect_language(self, row: Any) -> tuple[str, float]:
        """The most probable language of an encoded row and its probability."""
        if not self._model.model.is_multilingual:
            return "en", 1.0
        token, probability = self._model.model.detect_language(_view(row))[0][0]
        return str(token).strip("<|>"), float(probability)

    def generate(self, rows: Sequence[Any], languages: Sequence[str], n_samples: Sequence[int]) -> list[Decoded]:
        """What was heard in each row, decoded as one batch.

        Args:
            rows: from `encode`, all with the same window.
            languages: of each row.
            n_samples: length of each row's clip; words are looked for only there.
        """
        import numpy as np

        prompts = [self._prompt(language) for language in languages]
        results = self._model.model.generate(
            _view(np.concatenate(list(rows))),
            prompts,
            beam_size=self._beam_size,
            sampling_temperature=0,
            **_limits(prompts[0]),
        )
        decoded = []
        for row, language, length, result in zip(rows, languages, n_samples, results, strict=True):
            best = self._hypothesis(result, language)
            if best.is_doubtful:
                best = self._decode_again(row, language, best)
            decoded.append(
                Decoded(
                    text=best.text,
                    words=self._align(row, language, length, best.tokens),
                    avg_logprob=best.avg_logprob,
                    no_speech_prob=best.no_speech_prob,
                    compression_ratio=best.compression_ratio,
                    text_language=self._tokenizer(language).language_code,
                )
            )
        return decoded

    def _features(self, clip: npt.NDArray[np.float32], n_frames: int) -> npt.NDArray[np.float32]:
        """Log-Mel features, shape (n_mels, n_frames), padded with what silence looks like beside this clip."""
        import numpy as np

        found = self._model.feature_extractor(clip * gain_of(clip))[:, :-1][:, :n_frames]
        silence = float(found.max()) - _FEATURE_SPAN
        padded = np.pad(found, ((0, 0), (0, n_frames - found.shape[1])), constant_values=silence)
        return np.ascontiguousarray(padded, dtype=np.float32)

    def _tokenizer(self, language: str) -> Any:
        from faster_whisper.tokenizer import Tokenizer

        if language not in self._tokenizers:
            tokenizer = Tokenizer(
                self._model.hf_tokenizer, self._model.model.is_multilingual, task=self._task, language=language
            )
            if self._task == "translate":
                tokenizer.language_code = "en"  # the text's: it decides only how words are told apart
            self._tokenizers[language] = tokenizer
        return self._tokenizers[language]

    def _prompt(self, language: str) -> list[int]:
        tokenizer = self._tokenizer(language)
        return [*tokenizer.sot_sequence, tokenizer.no_timestamps]

    def _hypothesis(self, result: Any, language: str) -> _Hypothesis:
        from faster_whisper.transcribe import get_compression_ratio

        tokens = [token for token in result.sequences_ids[0] if token < self._tokenizer(language).eot]
        text = str(self._tokenizer(language).decode(tokens))
        n_tokens = len(result.sequences_ids[0])
        return _Hypothesis(
            tokens=tokens,
            text=text,
            avg_logprob=result.scores[0] * n_tokens / (n_tokens + 1),
            no_speech_prob=result.no_speech_prob,
            compression_ratio=get_compression_ratio(text.strip()) if text.strip() else 0.0,
        )

    def _decode_again(self, row: Any, language: str, first: _Hypothesis) -> _Hypothesis:
        """The first hypothesis without doubts as the temperature rises; when all have them, the likeliest."""
        prompt = self._prompt(language)
        tried = [first]
        for temperature in _TEMPERATURES:
            result = self._model.model.generate(
                _view(row),
                [prompt],
                beam_size=1,
                num_hypotheses=_BEST_OF,
                sampling_topk=0,
                sampling_temperature=temperature,
                **_limits(prompt),
            )[0]
            tried.append(self._hypothesis(result, language))
            if not tried[-1].is_doubtful:
                return tried[-1]
        varied = [one for one in tried if one.compression_ratio <= MAX_COMPRESSION_RATIO]
        return max(varied or tried, key=lambda one: one.avg_logprob)

    def _align(self, row: Any, language: str, n_samples: int, tokens: list[int]) -> tuple[Piece, ...]:
        """Each word's seconds, found in the cross-attention."""
        if not tokens:
            return ()
        n_frames = max(min(math.ceil(n_samples / _FRAME_SAMPLES), 2 * row.shape[1]), 2)
        found = self._model.find_alignment(self._tokenizer(language), [tokens], _view(row), n_frames)[0]
        return tuple(
            Piece(
                text=str(item["word"]),
                start_s=float(item["start"]),
                end_s=float(item["end"]),
                probability=float(item["probability"]),
                n_tokens=len(item["tokens"]),
            )
            for item in found
        )


def _limits(prompt: list[int]) -> dict[str, Any]:
    return {"max_length": len(prompt) + _MAX_TOKENS, "return_scores": True, "return_no_speech_prob": True}


def _view(array: Any) -> Any:
    import ctranslate2
    import numpy as np

    return ctranslate2.StorageView.from_array(np.ascontiguousarray(array))


def _load(weights: Weights, device: str, compute_type: str) -> Any:
    import ctranslate2
    from faster_whisper import WhisperModel

    if device == "cuda" and not ctranslate2.get_cuda_device_count():
        raise ModelError(
            "WHISPER_DEVICE=cuda, but no CUDA GPU can be used here; install its driver, or set it to cpu or auto."
        )
    try:
        return WhisperModel(str(weights.path), device=device, compute_type=compute_type)
    except (RuntimeError, ValueError) as error:
        raise ModelError(
            f"{weights.name} ({weights.revision}) cannot be loaded with WHISPER_DEVICE={device} and "
            f"WHISPER_COMPUTE_TYPE={compute_type}: {error}"
        ) from error
