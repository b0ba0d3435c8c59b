"""The error tree: every exception the product raises on purpose, and whether trying again can help.

    NurseconvError
    +-- TransientError             trying again, unchanged, can help
    |   +-- StoreUnavailableError  Postgres did not answer
    |   +-- VaultUnavailableError  the vault's disk is full or gone
    |   +-- BucketUnavailableError the upload bucket cannot be reached or read
    |   +-- ScannerUnavailableError  the virus scanner does not answer as one should
    |   +-- LeaseLostError         another run took this upload over; this one must stop writing
    |   +-- UploadBusyError        another run holds this upload's lease
    |   +-- MartsBusyError         another dbt build holds the lock
    |   +-- DeviceBusyError        another Whisper computes on this device
    |   +-- ProviderRateLimitedError  a hosted model asks for fewer calls
    |   +-- ProviderQuotaError     a hosted model's quota or credit is used up
    |   +-- ProviderTimeoutError   a hosted model did not answer in time
    |   +-- ProviderUnavailableError  a hosted model cannot be reached or fails
    |   +-- BreakerOpenError       a provider is left alone for a while after failing
    |   +-- BudgetSpentError       the money set aside for hosted models is used up
    |   +-- TooManyRequestsError   a caller of the API comes too often
    |   +-- IdentityProviderError  the hospital's login does not answer as one should
    +-- PermanentError             trying again, unchanged, cannot help
        +-- SettingsError          a setting has a value that is not allowed
        +-- AlreadyTakenError      another program serves this home or listens on this address
        +-- CatalogueError         the catalogue or rubric file is wrong
        +-- WeightsMissingError    a model's weights were found nowhere
        +-- ModelError             a model is there but cannot be used
        +-- UnknownUploadError     no such upload
        +-- IdentityConflictError  the same key arrived with other bytes
        +-- ErasedUploadError      the upload was erased for good
        +-- UnknownAnswerError     no such answer
        +-- AnswerSupersededError  the answer was replaced while somebody looked at it
        +-- NotReviewableError     the upload is at an end at which nothing can be reviewed
        +-- ReviewRefusedError     a reviewer's correction does not fit its question
        +-- BuildError             the reporting tables could not be built
        +-- SchemaError            the database's schema is not the one this version needs
        +-- SealedError            what was encrypted at rest does not open
        +-- BackupError            a backup cannot be made or restored
        +-- ProviderAuthError      a hosted model refuses the key
        +-- ProviderRequestError   a hosted model refuses the request itself
        +-- ContextTooLongError    the transcript is longer than the model takes
        +-- ProviderReplyError     a hosted model's reply cannot be used
        +-- KeyRefusedError        a request without a key or session that counts
        +-- ScopeMissingError      the caller may not do this
        +-- RequestRefusedError    a request says something that cannot be done

What lives here: the tree. What each leaf means to Dagster and to an HTTP caller is in `verdicts`.
When to add here: when a caller must tell a new failure apart. Add the leaf, its row in `VERDICTS`, and a raise.
What to keep out: outcomes that are results, not failures (`no_speech`, refusals of a file): those are values.
Messages carry ids, counts and settings; never a conversation's words, a person's name or a file name.
"""

from __future__ import annotations


class NurseconvError(Exception):
    """Base of all errors raised on purpose.

    Args:
        message: what was found, what is allowed and what to do, in one or two sentences.
        code: stable, snake_case; stored in the ledger and shown to callers.
    """

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code or self.code


class TransientError(NurseconvError):
    """Trying the same again later can help; after `retry_after_s` seconds, where somebody knows."""

    code = "transient"

    def __init__(self, message: str, *, code: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s


class PermanentError(NurseconvError):
    """Trying the same again cannot help; something has to change first."""

    code = "permanent"


class StoreUnavailableError(TransientError):
    """Postgres did not answer."""

    code = "store_unavailable"


class VaultUnavailableError(TransientError):
    """The vault cannot be read or written (disk full, mount gone)."""

    code = "vault_unavailable"


class BucketUnavailableError(TransientError):
    """The upload bucket cannot be reached or listed; it must not look like an empty one."""

    code = "bucket_unavailable"


class ScannerUnavailableError(TransientError):
    """The virus scanner does not answer as one should; nothing is waved through."""

    code = "scanner_unavailable"


class LeaseLostError(TransientError):
    """Another attempt owns this upload now; the writer must stop."""

    code = "lease_lost"


class UploadBusyError(TransientError):
    """Another run holds the lease of this upload."""

    code = "upload_busy"


class MartsBusyError(TransientError):
    """Another dbt build is running; one at a time."""

    code = "marts_busy"


class DeviceBusyError(TransientError):
    """Another Whisper computes on this device, and did so for too long; one at a time."""

    code = "device_busy"


class ProviderRateLimitedError(TransientError):
    """A hosted model asks for fewer calls; `retry_after_s` is what it told us to wait."""

    code = "provider_rate_limited"


class ProviderQuotaError(TransientError):
    """A hosted model's quota or credit is used up; `retry_after_s` is when it is full again."""

    code = "provider_quota"


class ProviderTimeoutError(TransientError):
    """A hosted model did not answer in time."""

    code = "provider_timeout"


class ProviderUnavailableError(TransientError):
    """A hosted model cannot be reached, or fails on its side."""

    code = "provider_unavailable"


class BreakerOpenError(TransientError):
    """A provider failed too often and is left alone for a while."""

    code = "breaker_open"


class BudgetSpentError(TransientError):
    """The money set aside for hosted models is used up for now."""

    code = "budget_spent"


class TooManyRequestsError(TransientError):
    """This caller comes too often; `retry_after_s` is when the next request is taken."""

    code = "too_many_requests"


class IdentityProviderError(TransientError):
    """The hospital's login does not answer as one should."""

    code = "identity_provider"


class SettingsError(PermanentError):
    """A setting has a value that is not allowed."""

    code = "bad_setting"


class AlreadyTakenError(PermanentError):
    """Another program serves this home, or listens on this address."""

    code = "already_taken"


class CatalogueError(PermanentError):
    """The catalogue or rubric file is wrong; the message has the line and the reason."""

    code = "bad_catalogue"


class WeightsMissingError(PermanentError):
    """A model's weights were found in none of the places looked at."""

    code = "weights_missing"


class ModelError(PermanentError):
    """A model was found but cannot be used."""

    code = "model_unusable"


class UnknownUploadError(PermanentError):
    """No upload has this id."""

    code = "unknown_upload"


class IdentityConflictError(PermanentError):
    """The same idempotency key arrived before with other bytes."""

    code = "identity_conflict"


class ErasedUploadError(PermanentError):
    """The upload was erased for good."""

    code = "erased"


class UnknownAnswerError(PermanentError):
    """No answer that this caller may see has this id."""

    code = "unknown_answer"


class AnswerSupersededError(PermanentError):
    """The answer is not the current one any more: a run or another reviewer replaced it."""

    code = "answer_superseded"


class NotReviewableError(PermanentError):
    """The answer's upload is failed, cancelled, erased or without speech: a verdict would reach nobody."""

    code = "not_reviewable"


class ReviewRefusedError(PermanentError):
    """A correction does not fit the question: its state, its value or its evidence."""

    code = "review_refused"


class BuildError(PermanentError):
    """dbt could not build or test the reporting tables."""

    code = "marts_failed"


class SchemaError(PermanentError):
    """The database's schema is older or newer than this version needs."""

    code = "schema_mismatch"


class SealedError(PermanentError):
    """What was encrypted at rest does not open: it was changed, or with the code of its own, the key is missing."""

    code = "seal_broken"


class BackupError(PermanentError):
    """A backup cannot be made or restored: it is damaged, not ours, or the place to restore it into is not empty."""

    code = "backup_refused"


class ProviderAuthError(PermanentError):
    """A hosted model refuses the key."""

    code = "provider_auth"


class ProviderRequestError(PermanentError):
    """A hosted model refuses the request itself: unknown model, bad parameter."""

    code = "provider_request"


class ContextTooLongError(PermanentError):
    """The prompt is longer than the model takes."""

    code = "context_too_long"


class ProviderReplyError(PermanentError):
    """A hosted model's reply cannot be used: cut short, refused, not JSON, of another shape."""

    code = "provider_reply"


class KeyRefusedError(PermanentError):
    """The request has no key or session, or one that does not count (any more)."""

    code = "key_refused"


class ScopeMissingError(PermanentError):
    """The caller is known but may not do this."""

    code = "scope_missing"


class RequestRefusedError(PermanentError):
    """The request is well-formed and says something that cannot be done."""

    code = "request_refused"
