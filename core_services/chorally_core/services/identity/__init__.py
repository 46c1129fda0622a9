"""Identity: the users and teams of a tenant, how they sign in, and who may still use a token.

Produces ``logs``. What a caller may do is checked at the API; what is never stored or told in clear is a
password. Where people sign in at a Keycloak, it keeps them, and a record here says who came.
"""

from chorally_core.services.identity.model import Team, User
from chorally_core.services.identity.passwords import Passwords
from chorally_core.services.identity.sign_in import SignIn, WrongCredentials
from chorally_core.services.identity.standing import Standing
from chorally_core.services.identity.throttle import Throttle, Throttled

__all__ = ["Passwords", "SignIn", "Standing", "Team", "Throttle", "Throttled", "User", "WrongCredentials"]
