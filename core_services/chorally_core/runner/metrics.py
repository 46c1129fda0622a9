"""Figures for Prometheus, read when they are asked for: they cost nothing on the way of a message."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chorally_core.runner.runner import Runner


class Figures(Collector):
    """Collects what runners and the webhook journal counted."""

    def __init__(
        self, registry: CollectorRegistry, runners: Sequence[Runner], hooks: Mapping[str, int] | Counter[str]
    ) -> None:
        self._runners = runners
        self._hooks = hooks
        self.registry = registry
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Return the figures as they are now."""
        events = CounterMetricFamily(
            "chorally_events", "Events by group and what became of them", labels=["group", "outcome"]
        )
        parked = GaugeMetricFamily("chorally_parked_events", "Events that wait behind a failed one", labels=["group"])
        lag = GaugeMetricFamily(
            "chorally_lag_events",
            "Events that a group has not done, of this process's share",
            labels=["group", "topic"],
        )
        for runner in self._runners:
            for outcome, count in sorted(runner.counts.items()):
                events.add_metric([runner.group, outcome], count)
            parked.add_metric([runner.group], runner.parked)
            for topic, count in sorted(runner.consumer.lag().items()):
                lag.add_metric([runner.group, topic], count)
        yield from (events, parked, lag)
        yield self._webhooks()

    def _webhooks(self) -> Metric:
        hooks: Any = CounterMetricFamily(
            "chorally_webhooks", "Webhooks by platform and verdict", labels=["platform", "verdict"]
        )
        for name, count in sorted(self._hooks.items()):
            platform, _, verdict = name.partition(":")
            hooks.add_metric([platform, verdict], count)
        return hooks  # type: ignore[no-any-return]
