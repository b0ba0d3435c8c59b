"""What each container promises about its sound, and where its bytes break that promise.

What lives here: `Promise` and `read_promise()`, the one place that asks the right container module.
When to add here: a container.
What to keep out: decoding; refusing (the decoder judges).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nurseconv_dagster.intake.containers import ebml, flac, mpeg, ogg, riff

# Formats whose own header is read here; of the others the demuxer's figure is the header's.
SELF_DECLARED = frozenset({"wav", "mp3", "flac"})


@dataclass(frozen=True, slots=True)
class Promise:
    """What a file says about itself.

    Args:
        declared_duration_s: seconds that the header promises; null when it says nothing, or for the formats outside
            `SELF_DECLARED`.
        damage: facts about broken structure, for people; empty when none.
        stream_info: FLAC's, with the checksum of the samples; null for the others.
    """

    declared_duration_s: float | None = None
    damage: tuple[str, ...] = ()
    stream_info: flac.StreamInfo | None = None


def read_promise(path: Path, audio_format: str) -> Promise:
    """What the file says about itself, and the damage that shows without decoding.

    Args:
        path: the file; read once.
        audio_format: one of mp3, wav, ogg, flac, webm, m4a, as sniffed; m4a promises through its demuxer only.
    """
    readers = {"wav": _read_wav, "mp3": _read_mp3, "ogg": _read_ogg, "flac": _read_flac, "webm": _read_webm}
    return readers[audio_format](path) if audio_format in readers else Promise()


def _read_wav(path: Path) -> Promise:
    with path.open("rb") as file:
        header = riff.read_header(file, path.stat().st_size)
    if header is None:
        return Promise(damage=("the WAV header is not whole",))
    damage = []
    if header.n_missing_bytes:
        damage.append(f"the last {header.n_missing_bytes} bytes that the WAV header promises are missing")
    if not header.is_consistent:
        damage.append("the WAV header contradicts itself about rate, channels and bits")
    return Promise(header.declared_duration_s, tuple(damage))


def _read_mp3(path: Path) -> Promise:
    walk = mpeg.walk(path.read_bytes())
    if walk is None:
        return Promise(damage=("no whole MP3 frame was found",))
    damage = []
    if walk.n_declared is not None and walk.n_declared != walk.n_frames:
        damage.append(f"{walk.n_frames} MP3 frames were found where the header declares {walk.n_declared}")
    if walk.n_junk_bytes:
        damage.append(f"{walk.n_junk_bytes} bytes before or between the MP3 frames are not audio")
    if walk.is_cut:
        damage.append("the last MP3 frame is cut short")
    declares = walk.n_declared is not None and walk.n_frames > 0
    return Promise(
        walk.duration_s / walk.n_frames * walk.n_declared if declares and walk.n_declared else None, tuple(damage)
    )


def _read_ogg(path: Path) -> Promise:
    walk = ogg.walk(path.read_bytes())
    n_pages = walk.n_pages + walk.n_bad_pages
    damage = []
    if walk.n_bad_pages:
        damage.append(f"{walk.n_bad_pages} of {n_pages} Ogg pages fail their checksum")
    if walk.n_missing_pages:
        damage.append(f"{walk.n_missing_pages} Ogg pages are missing")
    if walk.n_junk_bytes:
        damage.append(f"{walk.n_junk_bytes} bytes belong to no whole Ogg page")
    if not walk.is_ended:
        damage.append("the Ogg end mark is missing: the recording may have been cut short")
    return Promise(damage=tuple(damage))


def _read_flac(path: Path) -> Promise:
    with path.open("rb") as file:
        file.seek(mpeg.id3_length(file.read(10)))
        info = flac.read_stream_info(file.read(42))
    if info is None or not info.sample_rate_hz:
        return Promise(damage=("the FLAC header is not whole",))
    return Promise(info.n_samples / info.sample_rate_hz if info.n_samples else None, stream_info=info)


def _read_webm(path: Path) -> Promise:
    walk = ebml.walk(path.read_bytes())
    damage = []
    if walk.is_cut:
        damage.append("the last WebM element is cut short")
    if walk.is_broken:
        damage.append("a WebM element has an unknown name or length")
    return Promise(damage=tuple(damage))
