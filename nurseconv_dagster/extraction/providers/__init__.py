"""Whoever proposes answers: each provider turns questions and a transcript into claims, and believes nothing itself.

What lives here: one module a provider (`local.py`, `rules/`), and what they share: turns, topics, whose words they are.
When to add here: a provider, or something that two providers need to know about a transcript.
What to keep out: checks of claims against the transcript, typed values, the chain (one room up).
"""
