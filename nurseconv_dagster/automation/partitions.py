"""The partitions: one per upload, its key the upload's id.

What lives here: `uploads_partitions`.
When to add here: another way to cut the assets.
What to keep out: who adds keys (the intake sensor).
"""

from dagster import DynamicPartitionsDefinition

uploads_partitions = DynamicPartitionsDefinition(name="uploads")
