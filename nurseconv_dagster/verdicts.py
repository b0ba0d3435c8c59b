"""What each error means at the two edges of the product: to Dagster, and to an HTTP caller.

What lives here: `VERDICTS`, one row for each leaf of the error tree; a test fails for a leaf without one.
When to add here: with a new leaf, its row.
What to keep out: the errors themselves (`errors`).
"""

from __future__ import annotations

from dataclasses import dataclass

from nurseconv_dagster.errors import (
    AlreadyTakenError,
    AnswerSupersededError,
    BackupError,
    BreakerOpenError,
    BucketUnavailableError,
    BudgetSpentError,
    BuildError,
    CatalogueError,
    ContextTooLongError,
    DeviceBusyError,
    ErasedUploadError,
    IdentityConflictError,
    IdentityProviderError,
    KeyRefusedError,
    LeaseLostError,
    MartsBusyError,
    ModelError,
    NotReviewableError,
    NurseconvError,
    ProviderAuthError,
    ProviderQuotaError,
    ProviderRateLimitedError,
    ProviderReplyError,
    ProviderRequestError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    RequestRefusedError,
    ReviewRefusedError,
    ScannerUnavailableError,
    SchemaError,
    ScopeMissingError,
    SealedError,
    SettingsError,
    StoreUnavailableError,
    TooManyRequestsError,
    UnknownAnswerError,
    UnknownUploadError,
    UploadBusyError,
    VaultUnavailableError,
    WeightsMissingError,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an error means at the two edges of the product.

    Args:
        retry: whether Dagster may retry the step (`Failure.allow_retries`).
        http_status: the status an HTTP caller gets.
    """

    retry: bool
    http_status: int


VERDICTS: dict[type[NurseconvError], Verdict] = {
    StoreUnavailableError: Verdict(retry=True, http_status=503),
    VaultUnavailableError: Verdict(retry=True, http_status=503),
    BucketUnavailableError: Verdict(retry=True, http_status=503),
    ScannerUnavailableError: Verdict(retry=True, http_status=503),
    LeaseLostError: Verdict(retry=False, http_status=409),
    UploadBusyError: Verdict(retry=False, http_status=409),
    MartsBusyError: Verdict(retry=True, http_status=503),
    DeviceBusyError: Verdict(retry=False, http_status=503),
    ProviderRateLimitedError: Verdict(retry=True, http_status=503),
    ProviderQuotaError: Verdict(retry=True, http_status=503),
    ProviderTimeoutError: Verdict(retry=True, http_status=504),
    ProviderUnavailableError: Verdict(retry=True, http_status=503),
    BreakerOpenError: Verdict(retry=True, http_status=503),
    BudgetSpentError: Verdict(retry=False, http_status=503),
    SettingsError: Verdict(retry=False, http_status=500),
    AlreadyTakenError: Verdict(retry=False, http_status=500),
    CatalogueError: Verdict(retry=False, http_status=500),
    WeightsMissingError: Verdict(retry=False, http_status=500),
    ModelError: Verdict(retry=False, http_status=500),
    UnknownUploadError: Verdict(retry=False, http_status=404),
    ErasedUploadError: Verdict(retry=False, http_status=410),
    IdentityConflictError: Verdict(retry=False, http_status=409),
    UnknownAnswerError: Verdict(retry=False, http_status=404),
    AnswerSupersededError: Verdict(retry=False, http_status=409),
    NotReviewableError: Verdict(retry=False, http_status=409),
    ReviewRefusedError: Verdict(retry=False, http_status=422),
    BuildError: Verdict(retry=False, http_status=500),
    SchemaError: Verdict(retry=False, http_status=500),
    SealedError: Verdict(retry=False, http_status=500),
    BackupError: Verdict(retry=False, http_status=500),
    ProviderAuthError: Verdict(retry=False, http_status=502),
    ProviderRequestError: Verdict(retry=False, http_status=502),
    ContextTooLongError: Verdict(retry=False, http_status=502),
    ProviderReplyError: Verdict(retry=False, http_status=502),
    TooManyRequestsError: Verdict(retry=False, http_status=429),
    IdentityProviderError: Verdict(retry=False, http_status=502),
    KeyRefusedError: Verdict(retry=False, http_status=401),
    ScopeMissingError: Verdict(retry=False, http_status=403),
    RequestRefusedError: Verdict(retry=False, http_status=422),
}
