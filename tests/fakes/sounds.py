"""Real sound files in every format the product takes, made on the spot.

What lives here: samples, and their encoding with PyAV. Nothing is mocked: the bytes are what a recorder writes.
When to add here: a container or codec that senders really use.
What to keep out: damage (the tests do that themselves).
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

# name: (format as sniffed, muxer, encoder, sample rate, muxer's options, encoder's options)
RECIPES = {
    "mp3": ("mp3", "mp3", "libmp3lame", 16000, {}, {}),
    "mp3_without_header": ("mp3", "mp3", "libmp3lame", 44100, {"write_xing": "0", "id3v2_version": "0"}, {}),
    "wav": ("wav", "wav", "pcm_s16le", 16000, {}, {}),
    "wav_telephone": ("wav", "wav", "pcm_mulaw", 8000, {}, {}),
    "wav_24_bit": ("wav", "wav", "pcm_s24le", 48000, {}, {}),
    "m4a": ("m4a", "ipod", "aac", 44100, {}, {}),
    "m4a_header_first": ("m4a", "ipod", "aac", 16000, {"movflags": "faststart"}, {}),
    "m4a_fragmented": ("m4a", "mp4", "aac", 16000, {"movflags": "frag_keyframe+empty_moov"}, {}),
    "ogg_opus": ("ogg", "ogg", "libopus", 48000, {}, {}),
    "ogg_vorbis": ("ogg", "ogg", "vorbis", 44100, {}, {"strict": "-2"}),
    "flac": ("flac", "flac", "flac", 16000, {}, {}),
    "flac_24_bit": ("flac", "flac", "flac", 48000, {}, {"bits_per_raw_sample": "24"}),
    "webm": ("webm", "webm", "libopus", 48000, {}, {}),
    "webm_live": ("webm", "webm", "libopus", 48000, {"live": "1"}, {}),
}
_LAYOUTS = {1: "mono", 2: "stereo", 4: "quad", 6: "5.1", 8: "7.1"}


def tone(duration_s: float, rate_hz: int, n_channels: int = 1, seed: int = 0) -> np.ndarray:
    """A warbling tone over noise, different on every channel; int16, shape (n_channels, n_samples)."""
    t = np.arange(int(duration_s * rate_hz)) / rate_hz
    noise = np.random.default_rng(seed)
    rows = [
        0.3 * np.sin(2 * np.pi * (200 + 130 * i + 40 * t) * t) * (0.6 + 0.4 * np.sin(2 * np.pi * (3 + i) * t))
        + 0.02 * noise.standard_normal(len(t))
        for i in range(n_channels)
    ]
    return (np.clip(np.stack(rows), -1, 1) * 32767).astype(np.int16)


def encode(path: Path, samples: np.ndarray, recipe: str, rate_hz: int | None = None) -> Path:
    """The path, after the samples were encoded to it."""
    _, muxer, encoder, default_hz, muxer_options, encoder_options = RECIPES[recipe]
    rate_hz = rate_hz or default_hz
    layout = _LAYOUTS[samples.shape[0]]
    with av.open(str(path), "w", format=muxer, options=muxer_options) as container:
        stream = container.add_stream(encoder, rate=rate_hz, layout=layout, options=dict(encoder_options))
        if recipe == "flac_24_bit":
            stream.codec_context.format = "s32"
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T).reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return path


def make(path: Path, recipe: str, duration_s: float = 3.0, n_channels: int | None = None) -> Path:
    """The path of a fresh recording; Vorbis' own encoder knows stereo only."""
    n_channels = n_channels or (2 if recipe == "ogg_vorbis" else 1)
    return encode(path, tone(duration_s, RECIPES[recipe][3], n_channels), recipe)


def stretch(path: Path, recipe: str, hours: float) -> Path:
    """Hours of silence in a small file: one encoded packet, written again and again."""
    _, muxer, encoder, _, muxer_options, encoder_options = RECIPES[recipe]
    rate_hz = 48000 if encoder == "libopus" else 8000  # the longest packets
    with av.open(str(path), "w", format=muxer, options=muxer_options) as container:
        options = {"frame_duration": "120", **encoder_options} if encoder == "libopus" else dict(encoder_options)
        stream = container.add_stream(encoder, rate=rate_hz, layout="mono", options=options)
        stream.bit_rate = 8000
        stream.codec_context.open()
        silence = av.AudioFrame(format="s16", layout="mono", samples=rate_hz)
        silence.planes[0].update(bytes(silence.planes[0].buffer_size))
        silence.sample_rate, silence.pts, silence.time_base = rate_hz, 0, Fraction(1, rate_hz)
        packet = list(stream.encode(silence))[3]
        n_ticks = packet.duration
        for i in range(int(hours * 3600 / float(n_ticks * packet.time_base))):
            packet.pts = packet.dts = i * n_ticks
            packet.stream = stream
            container.mux(packet)
            packet.time_base = stream.codec_context.time_base
            packet.duration = n_ticks
    return path
