"""The rule-based reader: no model, high precision, the last one in the chain.

What lives here: `RulesReader` (`reader.py`) and one module for each way to find an answer: replies, measurements,
people, statements. Each gives `Finding`s; the reader keeps the best one of each question.
When to add here: a pattern with few false alarms; one that needs judgement belongs to the local reader.
What to keep out: typed values, checks of evidence.
"""
