"""Fuzz the product's public functions: `make fuzz MINUTES=10 TARGETS="mime slack"`.

The time is shared by the targets, which run one after the other, each in a process of its own. What breaks one is kept
in the folder of findings, and printed with the line that replays it; the exit code is then 1.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import time
from pathlib import Path

from tests.fuzz.target import Check, Target, all_targets

FINDINGS = Path("fuzz-findings")
LONGEST_INPUT = 16 * 1024
SLOWEST_SECONDS = 30
MEMORY_MEGABYTES = 3072
PACKAGES = ["opsintel", "opsintel_pipeline", "opsintel_api"]


def main() -> int:
    """Fuzz, or replay an input; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help=f"some of {', '.join(all_targets())}; all when none is named")
    parser.add_argument("--minutes", type=float, default=10, help="for all targets together")
    parser.add_argument("--replay", type=Path, help="run one target on this input, once")
    parser.add_argument("--seconds", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    chosen = asked.targets or list(all_targets())
    if unknown := sorted(set(chosen) - set(all_targets())):
        parser.error(f"there is no target {', '.join(unknown)}")
    if asked.replay:
        return replay(chosen, asked.replay)
    if asked.seconds:
        fuzz(all_targets()[chosen[0]], asked.seconds)
    return run(chosen, asked.minutes)


def replay(chosen: list[str], path: Path) -> int:
    """Run targets on one input; what it breaks comes out as it is."""
    for name in chosen:
        all_targets()[name].check(path.read_bytes())
        print(f"{name} holds under {path}")
    return 0


def run(chosen: list[str], minutes: float) -> int:
    """Fuzz the targets one after the other; returns 1 when one of them broke."""
    seconds = max(1, round(minutes * 60 / len(chosen)))
    broken = [name for name in chosen if not run_one(name, seconds)]
    print(f"{len(chosen)} targets, {seconds} s each: {', '.join(broken) + ' broke' if broken else 'all held'}")
    return 1 if broken else 0


def run_one(name: str, seconds: int) -> bool:
    """Fuzz one target in a process of its own; True when it held."""
    folder = FINDINGS / name
    folder.mkdir(parents=True, exist_ok=True)
    before = set(folder.iterdir())
    began = time.monotonic()
    command = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    found = sorted(set(folder.iterdir()) - before)
    runs = [line for line in done.stderr.splitlines() if line.startswith("Done ")]
    print(f"{name:<16} {time.monotonic() - began:5.0f} s  {runs[-1] if runs else ''}", flush=True)
    if done.returncode == 0 and not found:
        return True
    print("\n".join(done.stderr.splitlines()[-40:]) if not found else excerpt(done.stdout + done.stderr))
    for path in found:
        print(f"  replay: python -m tests.fuzz {name} --replay {path}", flush=True)
    return False


def excerpt(text: str) -> str:
    """Return the traceback that a fuzzer printed, without what it says of itself."""
    start = text.find("Traceback")
    return "\n".join(
        line for line in text[max(start, 0) :].splitlines()[-30:] if "INFO:" not in line and "#" not in line[:1]
    )


def fuzz(target: Target, seconds: int) -> None:
    """Fuzz one target in this process, which ends with it; the product is imported anew, with its branches counted."""
    import tempfile

    import atheris

    target.check(target.seeds[0])  # what is loaded at the first use is not counted as slow
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(target.corpus()):
            Path(corpus, str(number)).write_bytes(seed)
        words = Path(corpus, ".words")
        words.write_text("".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in target.words))
        options = [
            f"-max_total_time={seconds}", f"-max_len={LONGEST_INPUT}", f"-timeout={SLOWEST_SECONDS}",
            f"-rss_limit_mb={MEMORY_MEGABYTES}", f"-artifact_prefix={FINDINGS / target.name}/", f"-dict={words}",
            "-print_final_stats=0",
        ]  # fmt: skip
        atheris.Setup([sys.argv[0], *options, corpus], kept(target))
        atheris.Fuzz()


def kept(target: Target) -> Check:
    """Return the check of a target that keeps what breaks it, under the name that libFuzzer gives it."""

    def check(data: bytes) -> None:
        try:
            target.check(data)
        except BaseException:
            (FINDINGS / target.name / f"crash-{hashlib.sha1(data).hexdigest()}").write_bytes(data)
            raise

    return check


def instrumented() -> None:
    """Count the branches of the product, for whatever of it is imported from here on."""
    import atheris

    atheris.enabled_hooks.add("str")
    with atheris.instrument_imports(include=PACKAGES):
        all_targets()


if __name__ == "__main__":
    if "--seconds" in sys.argv:
        instrumented()
    sys.exit(main())
