"""A container opens under the format its content has, and hands out its one audio track, errors counted.

What lives here: opening with PyAV, the header's check against the limits, the count of packets before any is decoded,
and the frames with their errors.
When to add here: a fact of the track that must be known before samples exist.
What to keep out: samples (resampling) and the verdict over damage (decoding).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from nurseconv_dagster.intake.arrivals import Refusal
from nurseconv_dagster.intake.containers.promises import SELF_DECLARED, read_promise
from nurseconv_dagster.intake.limits import Limits

if TYPE_CHECKING:
    from av import AudioCodecContext, AudioFrame, AudioStream, Packet
    from av.container import InputContainer

DURATION_SLACK_S = 0.5  # encoders pad; a recording of exactly the longest length must pass

_DEMUXERS = {"mp3": "mp3", "wav": "wav", "m4a": "mov", "ogg": "ogg", "flac": "flac", "webm": "matroska"}
_STRICT = {"err_detect": "crccheck+bitstream+buffer+careful"}
_READ_BYTES = 1 << 18
_MAX_UNREADABLE = 100  # places in a row that the demuxer cannot read, before the rest is given up


@dataclass(frozen=True, slots=True)
class Header:
    """What the container says before anything is decoded.

    Args:
        declared_duration_s: seconds; null when the header says nothing.
        sample_rate_hz: of the audio track.
        n_channels: of the audio track.
        n_audio_tracks: in the file; only the first is read.
    """

    declared_duration_s: float | None
    sample_rate_hz: int
    n_channels: int
    n_audio_tracks: int


@dataclass(slots=True)
class Tally:
    """Packets seen so far, and those that did not survive.

    Args:
        n_packets: read from the container.
        n_errors: packets that could not be read, were marked corrupt, or did not decode.
        duration_s: seconds of the packets read.
    """

    n_packets: int = 0
    n_errors: int = 0
    duration_s: float = 0.0


@contextmanager
def open_container(path: Path, audio_format: str) -> Iterator[InputContainer]:
    """The open container, read as `audio_format` and as nothing else.

    The file is opened by Python and handed over, so that no name is ever read as an address or a pattern.

    Raises:
        av.error.FFmpegError: the bytes are no such container.
    """
    import av

    with (
        path.open("rb") as file,
        av.open(
            file,
            mode="r",
            format=_DEMUXERS[audio_format],
            options=dict(_STRICT),
            metadata_errors="ignore",
            buffer_size=_READ_BYTES,
        ) as container,
    ):
        yield container


def probe(path: Path, audio_format: str, limits: Limits) -> Header | Refusal:
    """The header, or why the recording is refused without decoding it; cheap enough for the door.

    Args:
        path: the file.
        audio_format: as sniffed from its content.
        limits: duration, channels and sample rate are checked.
    """
    import av

    declared_s = read_promise(path, audio_format).declared_duration_s if audio_format in SELF_DECLARED else None
    try:
        with open_container(path, audio_format) as container:
            return check_header(container, audio_format, declared_s, limits)
    except av.error.FFmpegError:
        return Refusal(
            "damaged_audio",
            f"the file begins like {audio_format} but its header cannot be read; send the recording again.",
        )


def check_header(
    container: InputContainer, audio_format: str, declared_s: float | None, limits: Limits
) -> Header | Refusal:
    """The header, or the refusal of a track that is missing, too long, too wide or out of the speech band.

    Args:
        container: open.
        audio_format: as sniffed.
        declared_s: what the file's own header promises, for the formats whose header is read without the demuxer.
        limits: the bounds.
    """
    tracks = container.streams.audio
    if not tracks:
        return Refusal("no_audio_stream", f"this {audio_format} file holds no audio track; send the sound itself.")
    context = cast("AudioCodecContext | None", tracks[0].codec_context)  # null where FFmpeg has no decoder
    if context is None or not context.sample_rate or not context.layout.nb_channels:
        return Refusal("damaged_audio", "the audio track says nothing readable of itself; send the recording again.")
    if audio_format not in SELF_DECLARED:
        declared_s = _demuxer_duration(container, tracks[0])
    header = Header(declared_s, context.sample_rate, context.layout.nb_channels, len(tracks))
    return _refuse_header(header, limits) or header


def _demuxer_duration(container: InputContainer, stream: AudioStream) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1_000_000 if container.duration else None


def _refuse_header(header: Header, limits: Limits) -> Refusal | None:
    if header.declared_duration_s is not None and header.declared_duration_s > limits.max_duration_s + DURATION_SLACK_S:
        return too_long(header.declared_duration_s, limits)
    if header.n_channels > limits.max_channels:
        return Refusal(
            "too_many_channels",
            f"{header.n_channels} channels were found, at most {limits.max_channels} are allowed; mix it down first.",
        )
    if not limits.min_sample_rate_hz <= header.sample_rate_hz <= limits.max_sample_rate_hz:
        return Refusal(
            "bad_sample_rate",
            f"a sample rate of {header.sample_rate_hz} Hz was found, {limits.min_sample_rate_hz} to "
            f"{limits.max_sample_rate_hz} Hz are allowed; export the recording at 16000 Hz.",
        )
    return None


def too_long(duration_s: float, limits: Limits) -> Refusal:
    """The refusal of a recording of `duration_s` seconds, or of at least that many."""
    return Refusal(
        "too_long",
        f"the recording lasts {duration_s:.0f} s or more, at most {limits.max_duration_s:.0f} s are allowed; "
        "split it, or raise MAX_DURATION_S.",
    )


def count_packets(container: InputContainer, stream: AudioStream, limits: Limits) -> Tally:
    """How many packets and seconds the track holds, without decoding; stops once it is too long."""
    tally = Tally()
    tick_s = float(stream.time_base or 0)
    n_ticks, max_ticks = 0, (limits.max_duration_s + DURATION_SLACK_S) / tick_s if tick_s else float("inf")
    for packet in _read_packets(container, stream):
        if packet is None:
            tally.n_errors += 1
        elif packet.size:
            tally.n_packets += 1
            tally.n_errors += _is_corrupt(container, packet)
            n_ticks += packet.duration or 0
        if n_ticks > max_ticks:
            break
    tally.duration_s = n_ticks * tick_s
    return tally


def decode_frames(container: InputContainer, stream: AudioStream, tally: Tally) -> Iterator[AudioFrame]:
    """The frames that decode, in order; every packet that did not is counted in `tally`, none is skipped in silence."""
    import av

    context = stream.codec_context
    context.options = dict(_STRICT)
    for packet in _read_packets(container, stream):
        if packet is None:
            tally.n_errors += 1
            continue
        tally.n_packets += packet.size > 0
        try:
            frames = context.decode(packet)
        except av.error.FFmpegError:
            tally.n_errors += 1
            continue
        tally.n_errors += _is_corrupt(container, packet) or any(frame.is_corrupt for frame in frames)
        yield from frames


def _is_corrupt(container: InputContainer, packet: Packet[AudioStream]) -> bool:
    """The demuxer's mark; not of WAV, whose last packet is marked for being shorter than the others."""
    return packet.is_corrupt and container.format.name != "wav"


def _read_packets(container: InputContainer, stream: AudioStream) -> Iterator[Packet[AudioStream] | None]:
    """Each packet, null for a place that cannot be read, and at the end the empty packet that flushes the decoder."""
    import av

    n_unreadable = 0
    packets = container.demux(stream)
    while n_unreadable < _MAX_UNREADABLE:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.FFmpegError:
            n_unreadable += 1
            packets = container.demux(stream)
            yield None
        else:
            n_unreadable = 0
            yield packet
