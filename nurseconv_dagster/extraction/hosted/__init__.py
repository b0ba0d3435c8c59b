"""Hosted language models as providers: what is asked, under which limits, and what is made of the reply.

What lives here: prompt, windows, replies, deadlines, money and breakers as rules, and the two SDKs behind one protocol.
When to add here: another hosted model, or a rule that all of them obey.
What to keep out: checks of claims against the transcript (one room up), SQL (store), de-identification (`privacy/`).
"""
