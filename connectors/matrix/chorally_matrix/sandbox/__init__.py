"""A homeserver that lives in memory: the documented client API for one user, its people and its rooms.

``chorally-connector sandbox matrix`` serves it to people; the conformance kit pulls its levers.
"""

from chorally_matrix.sandbox.twin import Homeserver

__all__ = ["Homeserver"]
