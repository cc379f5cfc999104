"""Java and the broker's jars: which `java` runs it, and Maven fetching once what deploy/kafka/pom.xml names.

The jars lie in deploy/kafka/target/, in a folder named after the pom's content: another pom, another folder, nothing stale.
"""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from mahnlauf.broker.errors import BrokerError

POM = Path(__file__).parents[2] / "deploy" / "kafka" / "pom.xml"
OLDEST_JAVA = 17  # Kafka 4 brokers refuse older ones
MAVEN_TIMEOUT_S = 600.0  # 40 MB over a slow line
WHAT_TO_INSTALL = "install Java 17 or newer and Maven (Debian: apt-get install openjdk-17-jre-headless maven) or start a Docker engine"


def java() -> str | None:
    """The path of a Java that is new enough: $JAVA_HOME's, else the one on the PATH; None where there is none."""
    home = os.environ.get("JAVA_HOME")
    candidates = [str(Path(home) / "bin" / "java")] if home else []
    found = shutil.which("java")
    candidates += [found] if found else []
    return next((path for path in candidates if _major_version(path) >= OLDEST_JAVA), None)


def _major_version(path: str) -> int:
    try:
        told = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r'version "(\d+)', told.stderr)
    return int(match.group(1)) if match else 0


def ready() -> bool:
    """Whether the jars are already here."""
    return POM.exists() and _folder().is_dir()


def fetch() -> Path:
    """The folder with the jars, asking Maven for them if they are not there yet; raises BrokerError if that fails."""
    if not POM.exists():
        raise BrokerError(f"{POM} is missing: a broker from jars needs the project's checkout, or use --broker docker")
    folder = _folder()
    if not folder.is_dir():
        _copy_dependencies(folder)
    return folder


def _folder() -> Path:
    return POM.parent / "target" / f"jars-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"


def _copy_dependencies(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise BrokerError(f"the broker's jars are not here yet and there is no mvn to fetch them: {WHAT_TO_INSTALL}")
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}")
    _run_maven([maven, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={unfinished}"])
    try:
        unfinished.rename(folder)
    except OSError:  # another process was faster; its folder is as good as ours
        shutil.rmtree(unfinished)


def _run_maven(command: list[str]) -> None:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=MAVEN_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise BrokerError(f"Maven did not fetch the broker's jars within {MAVEN_TIMEOUT_S:.0f} s: {' '.join(command)}") from error
    if done.returncode != 0:
        told = "\n".join((done.stdout + done.stderr).strip().splitlines()[:5])
        raise BrokerError(f"Maven could not fetch the broker's jars ({' '.join(command)}):\n{told}")
