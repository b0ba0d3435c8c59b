"""A multipart form, read as it comes in: fields into memory within a small bound, the one file into a spool.

What lives here: `FormReader`.
When to add here: another part that a form may have.
What to keep out: the network (`receiving`); what the fields mean.
"""

from __future__ import annotations

from typing import NamedTuple

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from nurseconv_dagster.intake.arrivals import Refusal
from nurseconv_dagster.intake.sidecars import MAX_SIDECAR_BYTES
from nurseconv_dagster.intake.spooling import Spool

FILE_PART = "file"
_MAX_FIELDS = 32


class _Part(NamedTuple):
    name: str
    filename: str | None
    content: bytearray


class FormReader:
    """Takes the body piece by piece. `refusal` says what is wrong with it, once something is; the rest is not read.

    Args:
        boundary: of the parts, from the content type.
        spool: takes the file's bytes.
        max_file_size_bytes: the spool's limit, for the refusal's words.
    """

    def __init__(self, boundary: bytes, spool: Spool, max_file_size_bytes: int) -> None:
        self.fields: dict[str, str] = {}
        self.filename: str | None = None
        self.refusal: Refusal | None = None
        self._spool = spool
        self._max_file_size_bytes = max_file_size_bytes
        self._header_name, self._header_value = bytearray(), bytearray()
        self._disposition = b""
        self._part: _Part | None = None
        self._n_field_bytes = 0
        self._is_whole = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": lambda data, start, end: self._header_name.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header_value.extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._take,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    def feed(self, piece: bytes) -> None:
        """The next bytes of the body, in any cut.

        Raises:
            VaultUnavailableError: transient; the spool's disk is full or gone.
        """
        try:
            self._parser.write(piece)
        except MultipartParseError:
            self._refuse("bad_form", "the body is no multipart form; send it as curl -F does.")

    def finish(self) -> None:
        """The body has ended; a form that was cut off is refused."""
        if not self._is_whole:
            self._refuse("bad_form", "the form breaks off before its last boundary; send it again.")
        elif self.filename is None:
            self._refuse("missing_file", f"the form has no file; send it as the part named {FILE_PART}.")

    def _refuse(self, code: str, message: str) -> None:
        self.refusal = self.refusal or Refusal(code, message)

    def _begin_part(self) -> None:
        self._part, self._disposition = None, b""

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode("utf-8", "replace")
        filename = options.get(b"filename")
        if filename is None and name != FILE_PART:
            self._part = _Part(name, None, bytearray())
            if name in self.fields or len(self.fields) >= _MAX_FIELDS:
                self._refuse("bad_form", "a field stands in the form twice, or there are too many; send each once.")
        elif name != FILE_PART or self.filename is not None:
            self._refuse("bad_form", f"the form may have one file, as the part named {FILE_PART}.")
        else:
            self.filename = (filename or b"").decode("utf-8", "replace")
            self._part = _Part(name, self.filename, bytearray())

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self.refusal is not None or self._part is None:
            return
        if self._part.filename is None:
            self._n_field_bytes += end - start
            if self._n_field_bytes > MAX_SIDECAR_BYTES:
                self._refuse("bad_form", f"the fields have more than {MAX_SIDECAR_BYTES} bytes; send the text as file.")
            else:
                self._part.content.extend(data[start:end])
        elif not self._spool.write(memoryview(data)[start:end]):
            self.refusal = too_large(self._max_file_size_bytes)

    def _end_part(self) -> None:
        if self._part is None or self._part.filename is not None:
            return
        try:
            self.fields[self._part.name] = self._part.content.decode("utf-8")
        except UnicodeDecodeError:
            self._refuse("bad_form", "a field is not UTF-8; send fields as UTF-8.")

    def _end(self) -> None:
        self._is_whole = True


def too_large(max_bytes: int) -> Refusal:
    """The refusal of a body whose end nobody waited for."""
    return Refusal(
        "too_large",
        f"more than {max_bytes} bytes were sent, at most {max_bytes} are allowed; compress or split the recording, "
        "or raise MAX_FILE_SIZE.",
    )
