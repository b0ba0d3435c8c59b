"""A file becomes 16 kHz samples, or the reason why not: strict, bounded, and never shorter in silence.

What lives here: `decode()`, and the order of its steps: promise, header, count, decode, judge.
When to add here: a step that every recording goes through.
What to keep out: containers' bytes (containers), packets (demuxing), mixing (channels), the rule on damage (verdicts).

The rule: a recording is refused as `damaged_audio` when nothing decodes, or when more than `max_lost_fraction` of its
seconds or packets are lost. Less damage is written down in `Recording.damage`. Sound lost inside is replaced by
silence of the same length, so that every second stays where a player shows it.

Not told apart from sound: a flipped bit inside a packet of WAV, MP3, AAC or WebM that still decodes. These formats
carry no checksum of their sound. FLAC and Ogg do, and every flip is found. Nor can a stream whose header promises
nothing (WebM from a browser, MP3 without a Xing header) tell that it was cut exactly between two packets.

Peak memory: 6 bytes for each sample (16-bit blocks, and the float32 array they are joined into), and never more than
`Limits.max_memory_bytes`, because seconds are counted before anything is decoded.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nurseconv_dagster.intake.arrivals import Recording, Refusal
from nurseconv_dagster.intake.channels import join_blocks
from nurseconv_dagster.intake.containers import flac
from nurseconv_dagster.intake.containers.promises import Promise, read_promise
from nurseconv_dagster.intake.demuxing import (
    DURATION_SLACK_S,
    Header,
    Tally,
    check_header,
    count_packets,
    decode_frames,
    open_container,
    too_long,
)
from nurseconv_dagster.intake.limits import Limits
from nurseconv_dagster.intake.resampling import SAMPLE_RATE_HZ, BlockCollector
from nurseconv_dagster.intake.verdicts import Evidence, refuse_damage, tell_damage

if TYPE_CHECKING:
    from av import AudioFrame
    from av.container import InputContainer

BYTES_PER_SAMPLE = 2 + 4
_GAP_S = 0.02  # the shortest packet that a container loses whole
# Opus sends nothing in silence for up to 0.4 s (RFC 7587 section 3.1.3), and browsers stamp WebM blocks by the clock.
_WEBM_GAP_S, _WEBM_LOSS_S = 0.1, 0.5


@dataclass(slots=True)
class _Heard:
    """What decoding has brought to light so far; seconds are those of the source."""

    collector: BlockCollector = field(default_factory=BlockCollector)
    tally: Tally = field(default_factory=Tally)
    decoded_s: float = 0.0
    filled_s: float = 0.0
    lost_inside_s: float = 0.0
    next_s: float | None = None
    digest: hashlib._Hash | None = None


def decode(path: Path, audio_format: str, limits: Limits) -> Recording | Refusal:
    """The recording at 16 kHz with its damage told, or why it is refused.

    Args:
        path: the file.
        audio_format: one of mp3, wav, m4a, ogg, flac, webm, as sniffed from the content; no other demuxer is tried.
        limits: duration, channels, rate, memory, and how much may be lost.
    """
    import av

    promise = read_promise(path, audio_format)
    try:
        with open_container(path, audio_format) as container:
            header = check_header(container, audio_format, promise.declared_duration_s, limits)
            if isinstance(header, Refusal):
                return header
            counted = count_packets(container, container.streams.audio[0], limits)
        refusal = _refuse_size(counted, header, limits)
        if refusal is not None:
            return refusal
        with open_container(path, audio_format) as container:
            heard = _listen(container, audio_format, promise, header, limits)
    except av.error.FFmpegError:
        return Refusal("damaged_audio", f"the {audio_format} header cannot be read; send the recording again.")
    if isinstance(heard, Refusal):
        return heard
    evidence = _weigh(heard, audio_format, promise=promise, header=header, counted=counted)
    refusal = refuse_damage(evidence, limits.max_lost_fraction)
    return refusal if refusal is not None else _record(heard, evidence)


def _refuse_size(counted: Tally, header: Header, limits: Limits) -> Refusal | None:
    if counted.duration_s > limits.max_duration_s + DURATION_SLACK_S:
        return too_long(counted.duration_s, limits)
    n_samples = counted.duration_s * SAMPLE_RATE_HZ * (2 if header.n_channels == 2 else 1)
    needed_bytes = round(n_samples * BYTES_PER_SAMPLE)
    if needed_bytes > limits.max_memory_bytes:
        return Refusal(
            "too_much_memory",
            f"the samples need {needed_bytes} bytes of memory, {limits.max_memory_bytes} are allowed; "
            "split the recording, or send one channel.",
        )
    return None


def _listen(
    container: InputContainer, audio_format: str, promise: Promise, header: Header, limits: Limits
) -> _Heard | Refusal:
    """Every frame that decodes, at its second; stops as soon as the recording proves too long."""
    heard = _Heard()
    if promise.stream_info is not None and promise.stream_info.md5:
        heard.digest = hashlib.md5(usedforsecurity=False)
    for frame in decode_frames(container, container.streams.audio[0], heard.tally):
        if not limits.min_sample_rate_hz <= frame.sample_rate <= limits.max_sample_rate_hz:
            heard.tally.n_errors += 1
            continue
        _fill_gap(heard, frame, audio_format, header.declared_duration_s)
        heard.decoded_s += frame.samples / frame.sample_rate
        if heard.decoded_s + heard.filled_s > limits.max_duration_s + DURATION_SLACK_S:
            return too_long(heard.decoded_s + heard.filled_s, limits)
        if heard.digest is not None and promise.stream_info is not None:
            heard.digest.update(flac.as_digested(frame, promise.stream_info.bits_per_sample))
        heard.collector.add(frame)
    return heard


def _fill_gap(heard: _Heard, frame: AudioFrame, audio_format: str, declared_s: float | None) -> None:
    """Silence where the timestamps jump, within the declared length: a broken timestamp must not add hours."""
    at_s = frame.time if frame.time is not None else heard.next_s  # a frame without a time follows the last one
    if at_s is None:
        return
    gap_s = at_s - heard.next_s if heard.next_s is not None else 0.0
    heard.next_s = at_s + frame.samples / frame.sample_rate
    is_webm = audio_format == "webm"
    if declared_s is not None:
        gap_s = min(gap_s, declared_s - heard.decoded_s - heard.filled_s)
    if gap_s > (_WEBM_GAP_S if is_webm else _GAP_S):
        heard.filled_s += gap_s
        heard.lost_inside_s += gap_s if not is_webm or gap_s > _WEBM_LOSS_S else 0.0
        heard.collector.add_silence(gap_s)


def _record(heard: _Heard, evidence: Evidence) -> Recording:
    samples = join_blocks(heard.collector.finish())
    return Recording(
        samples=samples,
        duration_s=samples.shape[1] / SAMPLE_RATE_HZ,
        n_decode_errors=evidence.n_errors,
        declared_duration_s=evidence.declared_s,
        damage=tell_damage(evidence),
        format=evidence.audio_format,
    )


def _weigh(heard: _Heard, audio_format: str, *, promise: Promise, header: Header, counted: Tally) -> Evidence:
    info = promise.stream_info
    return Evidence(
        audio_format=audio_format,
        declared_s=header.declared_duration_s,
        counted_s=counted.duration_s,
        decoded_s=heard.decoded_s,
        filled_s=heard.filled_s,
        lost_inside_s=heard.lost_inside_s,
        n_packets=max(counted.n_packets, heard.tally.n_packets),
        n_errors=max(counted.n_errors, heard.tally.n_errors),
        n_format_changes=heard.collector.n_format_changes,
        n_audio_tracks=header.n_audio_tracks,
        has_wrong_checksum=heard.digest is not None and info is not None and heard.digest.digest() != info.md5,
        structure=promise.damage,
    )
