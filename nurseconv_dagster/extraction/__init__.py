"""A transcript becomes answers: catalogue, prompt, evidence, provider chain, providers.

What lives here: the questions, whoever proposes answers to them, and the checks that turn a proposal into an answer.
When to add here: a provider, an answer type, a rule of evidence.
What to keep out: audio (speech), marks for quality (scoring), SQL, Dagster, web frameworks.
"""
