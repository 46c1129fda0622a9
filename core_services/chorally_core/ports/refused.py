"""Why a service does not do what it was asked to."""

from typing import Literal


class Refused(Exception):
    """A request that a service understands and declines; shown to whoever asked."""

    def __init__(
        self, why: Literal["missing", "conflict", "invalid", "forbidden"], code: str, detail: str, field: str = ""
    ) -> None:
        """Describe the refusal.

        Args:
            why: What kind of refusal it is: nothing is there, something stands in the way, the request makes
                no sense, or the caller may not.
            code: A short word that programs can rely on, such as ``email-taken``.
            detail: What is wrong and what to do, for people; never a secret.
            field: The field of the request at fault, where there is one.
        """
        super().__init__(detail)
        self.why = why
        self.code = code
        self.detail = detail
        self.field = field
