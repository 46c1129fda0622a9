"""Coordination through Redis, directly or by way of Sentinels; needs the extra ``redis``."""

from chorally_core.adapters.redis.coordination import RedisCoordination, Status
from chorally_core.adapters.redis.errors import InvalidCoordination
from chorally_core.adapters.redis.settings import RedisSettings, parse

__all__ = ["InvalidCoordination", "RedisCoordination", "RedisSettings", "Status", "parse"]
