"""The rule matcher beside other engines: the same rules, the same messages, the same checksum.

Needs ``bench/rules`` of the shared comparisons, in ``--shared`` or ``CHORALLY_SHARED`` (else ``../shared`` beside the
checkout). ``--drools`` names a copy of ``bench/rules/drools`` there in which ``mvn package`` was run; without it,
Drools is left out. With ``--times`` all engines are measured so often, by turns.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from chorally_core.services.rule_engine.compiling import compiled
from chorally_core.services.rule_engine.conditions import Conditions
from chorally_core.services.rule_engine.facts import facts_of, fold
from chorally_core.services.rule_engine.fields import Catalogue, Field, Type
from chorally_core.services.rule_engine.judging import prepared

ROOT = Path(__file__).resolve().parent.parent
NUMBERS = frozenset(("followers", "likes", "sentiment", "hour"))
WORDS = frozenset(("account", "network", "kind", "language", "country", "tier"))


def factory(rules: Sequence[Mapping[str, Any]]) -> Callable[[Mapping[str, Any]], list[int]]:
    """Return what finds the rules that a message fits; their ids are their places."""
    fields = [Field(name, Type.NUMBER, name) for name in NUMBERS] + [Field(name, Type.KEYWORD, name) for name in WORDS]
    catalogue = Catalogue([*fields, Field("text", Type.TEXT, "text")])
    nodes = [Conditions.model_validate({"root": {"all": rule["all"]}}).root for rule in rules]
    matcher = compiled([prepared(node, catalogue) for node in nodes])
    known = facts_of(catalogue.missing)

    def match(message: Mapping[str, Any]) -> list[int]:
        facts = known(message)
        facts["text"] = fold(facts["text"])
        return matcher(facts)

    return match


def drools(project: Path, made: str, rounds: int, warm_s: float) -> list[str]:
    """Return the command that measures Drools: rules compiled to its executable model, in a session that is kept."""
    target = project / "target"
    classes = os.pathsep.join([*map(str, target.glob("*.jar")), str(target / "lib" / "*")])
    return ["java", "-cp", classes, "bench.Main", made, "1.5", str(rounds), str(warm_s), "reuse"]


def main() -> None:
    """Measure ours and the peers, each in a process of its own."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--shared", type=Path, default=Path(os.environ.get("CHORALLY_SHARED", ROOT.parent / "shared")))
    options.add_argument("--rules", type=int, nargs="+", default=[1000, 10_000])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--peers", nargs="*", default=["naive", "compiled", "indexed2"])
    options.add_argument("--times", type=int, default=1)
    options.add_argument("--drools", type=Path)
    options.add_argument("--warm-s", type=float, default=30.0, help="Seconds that Drools is let warm up.")
    asked = options.parse_args()
    folder = asked.shared / "bench" / "rules"
    print("| engine | build, CPU s | messages per CPU s | hits of 100 | checksum |\n|---|---|---|---|---|", flush=True)
    for count in asked.rules:
        with tempfile.TemporaryDirectory() as made:
            subprocess.run([sys.executable, folder / "gen.py", made, str(count)], check=True)
            for _ in range(asked.times):
                for engine in ("project:bench.rules:factory", *asked.peers):
                    command = [sys.executable, folder / "engines.py", engine, made, "--rounds", str(asked.rounds)]
                    subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
                if asked.drools is not None:
                    subprocess.run(drools(asked.drools, made, asked.rounds, asked.warm_s), check=True)


if __name__ == "__main__":
    main()
