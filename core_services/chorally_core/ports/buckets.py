"""The bucket of a tenant, where objects lie in buckets: its name, and the credentials that open no other."""

from datetime import datetime

from chorally_core.ports.documents import Document


class TenantBucket(Document, frozen=True, kw_only=True):
    """Where a tenant's objects are; made when the first is stored."""

    kind = "tenant_bucket"

    bucket: str
    is_ready: bool = False
    """The bucket is there, and so are its credentials."""
    user: str = ""
    """Who may use it; empty where the installation's own credentials do."""
    sealed: str = ""
    """The user's access key and its secret."""
    claim: str = ""
    """Who makes it now."""
    claimed_at: datetime
