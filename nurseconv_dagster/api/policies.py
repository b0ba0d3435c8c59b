"""What a browser may do with our pages: nothing from elsewhere, nothing inline.

What lives here: the values of the header `Content-Security-Policy`.
When to add here: a page that must be allowed something else.
What to keep out: pages.
"""

from __future__ import annotations

_CLOSED = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
FORM_ONLY = f"{_CLOSED}style-src 'self'; img-src 'self'; form-action 'self'"
# What a transcript says can never become a script or a style. A recording just made is a blob until it is sent.
PAGE = f"{FORM_ONLY}; script-src 'self'; connect-src 'self'; media-src 'self' blob:"
# Swagger UI sets style attributes and shows small images that it carries as data; it needs no inline script.
SWAGGER_UI = (
    f"{_CLOSED}script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'"
)
