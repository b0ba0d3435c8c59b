"""What is done with a transcript before its words leave this machine for a hosted model: best effort, no guarantee."""
