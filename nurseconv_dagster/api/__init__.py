"""The REST API on FastAPI: who may, and what they may see and send.

What lives here: the app, one router a subject, and what all routers share (callers, problems, the middleware).
When to add here: a route that a program or a page calls; `app.py` tells how a router is added.
What to keep out: Dagster, which this room never imports; SQL (store); the rules of intake, answers and scores.
"""
