"""A Facebook page that lives in memory: the documented Graph API for comments, Messenger and posts, and its webhooks.

Stateful, so that what is posted is listed; honest about what Meta leaves unsaid (see the README). It
stands on Starlette, because routing, parsing and answering are its trade and not ours; that is why it is
an extra (``chorally-facebook[sandbox]``) and nothing in production imports it.

``python -m chorally_facebook.sandbox --port 8765`` serves it to people; ``Sandbox`` serves tests.
"""

from chorally_facebook.sandbox.twin import Sandbox

__all__ = ["Sandbox"]
