"""What the four assets of an upload have in common: partitions, one run for a range, group, owners, kinds.

What lives here: `upload_asset`, the decorator they share.
When to add here: something that must hold for each of them.
What to keep out: what differs between them (description, code version, dependencies).
"""

from functools import partial

from dagster import BackfillPolicy, asset

from nurseconv_dagster.automation.partitions import uploads_partitions

upload_asset = partial(
    asset,
    partitions_def=uploads_partitions,
    backfill_policy=BackfillPolicy.single_run(),
    group_name="conversations",
    owners=["team:data"],
)
