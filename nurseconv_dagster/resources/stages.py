"""One stage of one run over its batch of uploads: claim, lease, isolation, and what Dagster is told at the end.

What lives here: `StageResource.open()`, the frame around every partitioned asset, and `StageBatch`, what is inside.
When to add here: something that must hold for every stage.
What to keep out: what a stage computes (the rooms) and what the ledger writes (store).

How one upload's failure stays its own: an asset that returns materialises every partition of its range, a failed one
too. So when all went well the asset returns; when some did not, the good partitions are logged one by one and the step
fails. The good uploads are handed back and go on from their next stage in another run.

A queue may deliver a stage twice. The second delivery claims nothing, waits for the first, and tells Dagster what the
ledger says of the stage, whoever did it.
"""

import logging
import threading
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from dagster import (
    AssetExecutionContext,
    AssetMaterialization,
    ConfigurableResource,
    Failure,
    InitResourceContext,
    ResourceDependency,
)
from pydantic import PrivateAttr
from sqlalchemy import Connection

from nurseconv_dagster.errors import (
    DeviceBusyError,
    LeaseLostError,
    NurseconvError,
    StoreUnavailableError,
    TransientError,
)
from nurseconv_dagster.intake.arrivals import Refusal
from nurseconv_dagster.resources.stores import StoreResource, keep_connections
from nurseconv_dagster.store.claims import Claim, Claims
from nurseconv_dagster.store.endings import Failure as StageFailure
from nurseconv_dagster.store.waiting import ids_at_work, ids_passed
from nurseconv_dagster.telemetry import traces
from nurseconv_dagster.telemetry.correlation import bound

RUN_KEY_TAG = "dagster/run_key"
_LOOK_AGAIN_S = 1.0
T = TypeVar("T")
_log = logging.getLogger(__name__)


class StageBatch:
    """The uploads a stage has in hand, and what became of each.

    Args:
        claims: the uploads of this run that wait for this stage.
        time_s: seconds after which no further upload is begun.
    """

    def __init__(self, ledger: Claims, claims: list[Claim], *, time_s: float) -> None:
        self._ledger = ledger
        self._deadline = time.monotonic() + time_s
        self.claims = claims
        self.done: list[UUID] = []
        self.failed: dict[UUID, str] = {}
        self.put_off = ""
        self._began_at = time.monotonic()
        for claim in claims:
            with bound(**_ids(claim)):
                _log.info("stage began")

    def in_time(self, work: Iterable[T]) -> Iterator[T]:
        """The pieces of work, until the time for this stage is over; uploads that are left go on in another run."""
        for piece in work:
            yield piece
            if time.monotonic() > self._deadline:
                self.put_off = "SOFT_TIME_LIMIT_S is over"
                return

    def unfinished(self) -> list[Claim]:
        """Claims whose outcome is not written yet."""
        return [claim for claim in self.claims if claim.upload_id not in {*self.done, *self.failed}]

    @contextmanager
    def isolate(self, claim: Claim) -> Iterator[None]:
        """Whatever goes wrong inside is this upload's failure alone: it is written to the ledger, its mates go on.

        Raises:
            StoreUnavailableError: the ledger cannot be written; then nobody's outcome can, and the step fails.
        """
        with bound(**_ids(claim)), self._span(claim) as told:
            try:
                yield
            except StoreUnavailableError:
                raise
            except LeaseLostError:
                self.failed[claim.upload_id] = LeaseLostError.code
            except Exception as error:  # noqa: BLE001 - the one boundary: an unforeseen error must not fail the mates
                self.fail(claim, error)
            if claim.upload_id in self.failed:
                told.fail(self.failed[claim.upload_id])
            self._note_end(claim)

    @contextmanager
    def finish(self, claim: Claim, **facts: Any) -> Iterator[Connection]:
        """A fenced transaction for the stage's result; the upload advances with it or not at all.

        Args:
            facts: columns of the upload's row that the stage found out.
        """
        with self._ledger.fenced(claim) as connection:
            yield connection
            self._ledger.advance(connection, claim, **facts)
        self.done.append(claim.upload_id)

    def _span(self, claim: Claim) -> AbstractContextManager[traces.Told]:
        """From the opening of the stage on, as its log lines: work that batch mates share is before `isolate()`."""
        since_s = time.monotonic() - self._began_at
        return traces.span(f"stage {claim.stage}", parent=claim.traceparent, since_s=since_s)

    def _note_end(self, claim: Claim) -> None:
        code = self.failed.get(claim.upload_id)
        _log.info(
            "stage ended",
            extra={
                "outcome": "failed" if code else "done",
                "error_code": code,
                "seconds": round(time.monotonic() - self._began_at, 3),
            },
        )

    def reject(self, claim: Claim, refusal: Refusal) -> None:
        """The content is not acceptable: an end, with the reason."""
        self._ledger.reject(claim, refusal)
        self.failed[claim.upload_id] = refusal.code

    def fail(self, claim: Claim, error: Exception) -> None:
        """The stage failed for this upload; an unforeseen error is told by its type only, its text may hold words."""
        if isinstance(error, NurseconvError):
            failure = StageFailure(error.code, str(error), is_transient=isinstance(error, TransientError))
        else:
            failure = StageFailure(
                "unexpected_error",
                f"{type(error).__name__} at {_place(error)} in stage {claim.stage}; this is a defect of the product. "
                "Report this line and the versions of `nurseconv doctor`; the error's own words are left out, they "
                f"may be a patient's. `nurseconv retry {claim.upload_id}` tries again.",
                is_transient=True,
            )
        try:
            self._ledger.fail(claim, failure)
        except LeaseLostError:  # erased, or taken over, while its stage failed; nothing is left to be written
            failure = StageFailure(LeaseLostError.code, "", is_transient=False)
        self.failed[claim.upload_id] = failure.code


class StageResource(ConfigurableResource[None]):
    """Opens stages. While this process lives, what it has in hand is renewed from a thread, three times a lease."""

    store: ResourceDependency[StoreResource]
    _stop: threading.Event = PrivateAttr(default_factory=threading.Event)
    _job_ids: list[UUID] = PrivateAttr(default_factory=list)

    def setup_for_execution(self, context: InitResourceContext) -> None:
        """Starts the renewing; a run that has claimed nothing yet renews nothing."""
        if context.instance is not None:
            keep_connections(context.instance)
        stop, ledger, run_id = threading.Event(), self.store.claims(), context.run_id or ""
        in_hand: list[UUID] = []
        self._job_ids = in_hand
        pause_s = self.store.settings.lease_s / 3

        def renew() -> None:
            while not stop.wait(pause_s):
                try:
                    ledger.renew(run_id, list(in_hand))
                except StoreUnavailableError:
                    continue  # the lease may run out; then the fence keeps this run from writing

        self._stop = stop
        threading.Thread(target=renew, name=f"lease-{run_id[:8]}", daemon=True).start()

    def teardown_after_execution(self, context: InitResourceContext) -> None:
        """Ends the renewing with the run; its last spans are sent."""
        self._stop.set()
        traces.flush()

    @contextmanager
    def open(self, context: AssetExecutionContext, stage: str) -> Iterator[StageBatch]:
        """The batch of this run at this stage; settles with Dagster at its end.

        Raises:
            Failure: some partitions of the run did not get through this stage; the ledger has each one's reason.
        """
        ledger, run_id = self.store.claims(), context.run.run_id
        keys = [UUID(key) for key in context.partition_keys]
        claims = ledger.claim(keys, run_id=run_id, run_key=context.run.tags.get(RUN_KEY_TAG), stage=stage)
        self._job_ids[:] = [claim.job_id for claim in claims]
        batch = StageBatch(ledger, claims, time_s=self.store.settings.soft_time_limit_s)
        try:
            yield batch
        except StoreUnavailableError:
            raise
        except DeviceBusyError as error:  # nobody's fault: those that are left go on in another run
            batch.put_off = error.code
        except NurseconvError:  # something all of them need is missing: model weights, a readable catalogue
            for claim in batch.unfinished():
                with batch.isolate(claim):
                    raise
        if not claims:
            self._wait_for_another(keys, run_id, stage)
        self._settle(context, batch, keys, stage)

    def _wait_for_another(self, keys: list[UUID], run_id: str, stage: str) -> None:
        """No other process is at work on this stage of this run any more: it ended, or its leases ran out."""
        while ids_at_work(self.store.engine, keys, run_id, stage):
            time.sleep(_LOOK_AGAIN_S)

    def _settle(self, context: AssetExecutionContext, batch: StageBatch, keys: list[UUID], stage: str) -> None:
        done = ids_passed(self.store.engine, keys, context.run.run_id, stage)
        counts = {"n_uploads": len(keys), "n_done": len(done), "n_failed": len(batch.failed)}
        if len(done) == len(keys):
            context.add_output_metadata(counts)
            return
        for upload_id in filter(done.__contains__, keys):
            context.log_event(AssetMaterialization(context.asset_key, partition=str(upload_id), metadata=counts))
        self.store.claims().release(context.run.run_id, [claim.job_id for claim in batch.claims])
        reasons = sorted({*batch.failed.values(), batch.put_off} - {""})
        raise Failure(
            f"{len(done)} of {len(keys)} uploads got through; the others: "
            f"{', '.join(reasons) or 'cancelled, or in the hands of another run'}. "
            "`nurseconv status` has each one's reason.",
            metadata=counts,
            allow_retries=False,
        )


def _ids(claim: Claim) -> dict[str, str | int | None]:
    """What stands on each line about this upload's stage."""
    return {
        "correlation_id": claim.correlation_id, "upload_id": str(claim.upload_id), "run_id": claim.run_id,
        "stage": claim.stage, "attempt": claim.attempt,
    }  # fmt: skip


def _place(error: Exception) -> str:
    """The innermost line of our own code on the way to the error."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "nurseconv_dagster" in frame.filename]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
