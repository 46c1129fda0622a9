"""Traces: what happened to one message on its way, over all processes; no cost where they are off.

A trace begins where something comes from outside: a webhook, a request of the API, a pull. Whoever works on what
follows continues it, by the ``traceparent`` that events, webhooks and deliveries carry. What was not chosen for a
trace at its beginning carries none, and nobody else begins one for it.
"""

from chorally_core.telemetry.traces import Traces, traces

__all__ = ["Traces", "traces"]
