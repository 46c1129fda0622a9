"""Coordination within one process."""

import time
from collections.abc import Callable

import structlog

from chorally_core.ports.coordination import Taken

log = structlog.get_logger(__name__)

_FEW = 1000  # places or rates up to which those that are over are not looked for


class InProcess:
    """Serves the coordination port from memory."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._notes: dict[str, dict[str, tuple[str, float]]] = {}
        self._rates: dict[str, tuple[float, float, float]] = {}
        self._places_at_most = self._rates_at_most = _FEW
        self._listeners: dict[str, dict[object, Callable[[], None]]] = {}

    async def note(self, place: str, name: str, value: str, ttl_s: float) -> None:
        """Leave a note in a place under a name, for a time; an empty value removes it."""
        notes = self._notes.setdefault(place, {})
        if value:
            notes[name] = (value, self._monotonic() + ttl_s)
        else:
            notes.pop(name, None)
        self._sweep(place)
        if len(self._notes) > self._places_at_most:
            for other in list(self._notes):
                self._sweep(other)
            self._places_at_most = max(_FEW, 2 * len(self._notes))

    async def notes(self, place: str) -> dict[str, str]:
        """Return the notes of a place that are still valid, by name."""
        self._sweep(place)
        return {name: value for name, (value, _) in self._notes.get(place, {}).items()}

    def _sweep(self, place: str) -> None:
        now = self._monotonic()
        notes = {name: note for name, note in self._notes.get(place, {}).items() if note[1] > now}
        if notes:
            self._notes[place] = notes
        else:
            self._notes.pop(place, None)

    async def take(self, rate: str, *, limit: int, per_s: float, amount: int = 1, leaving: int = 0) -> Taken:
        """Take from a rate of ``limit`` in ``per_s`` seconds, which refills evenly; ``leaving`` must be left of it."""
        now = self._monotonic()
        speed = limit / per_s
        left, at, _ = self._rates.get(rate, (float(limit), now, now))
        left = min(float(limit), left + (now - at) * speed)
        granted = left >= amount + leaving
        if granted:
            left -= amount
        self._rates[rate] = (left, now, now + (limit - left) / speed)
        if len(self._rates) > self._rates_at_most:
            self._rates = {name: state for name, state in self._rates.items() if state[2] > now}
            self._rates_at_most = max(_FEW, 2 * len(self._rates))
        return Taken(granted, 0.0 if granted else (amount + leaving - left) / speed)

    async def wake(self, place: str) -> None:
        """Call whoever listens at a place."""
        for woken in list(self._listeners.get(place, {}).values()):
            try:
                woken()
            except Exception as error:
                log.error("a listener failed", place=place, exc_info=error)

    def listen(self, place: str, woken: Callable[[], None]) -> Callable[[], None]:
        """Have something called whenever a place is woken; return what ends that."""
        token = object()
        self._listeners.setdefault(place, {})[token] = woken

        def end() -> None:
            listeners = self._listeners.get(place, {})
            listeners.pop(token, None)
            if not listeners:
                self._listeners.pop(place, None)

        return end
