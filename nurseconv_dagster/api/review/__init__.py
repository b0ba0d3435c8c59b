"""The review page: the queue, and one conversation with audio, transcript and answers side by side."""
