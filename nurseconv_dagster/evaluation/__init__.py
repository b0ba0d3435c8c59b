"""How good the answers are, measured: against references that people wrote, and against one another.

What lives here: references and the comparison with them, calibration of the confidence, the fit of its weights, what
differs between two sets of answers, and the pages and tables that tell it. Plain Python.
When to add here: another figure of quality, or another way to show one.
What to keep out: fetching and keeping results (store), asking providers (extraction), commands (operations).
"""
