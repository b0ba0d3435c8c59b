"""The product's definitions with a transcriber that takes its time, as Whisper would, without a model.

What lives here: `defs`, for what must be killed in the middle of a stage and for figures of throughput.
When to add here: another stage that has to take long.
What to keep out: anything that changes what a stage does.
"""

import os
import time
from collections.abc import Iterator, Sequence

from nurseconv_dagster.definitions import build_definitions, intake
from nurseconv_dagster.resources.transcribers import Told, TranscriberResource
from nurseconv_dagster.store.claims import Claim


class SlowTranscriber(TranscriberResource):
    """Sleeps SLOW_STAGE_S seconds for each upload, then does what the real one does."""

    def transcribe(self, claims: Sequence[Claim]) -> Iterator[Told]:
        for claim in claims:
            time.sleep(float(os.environ.get("SLOW_STAGE_S", "0")))
            yield from super().transcribe([claim])


defs = build_definitions(transcriber=SlowTranscriber(intake=intake))
