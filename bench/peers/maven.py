"""Built by Maven once, where it is not built yet: the peers in Java.

What is built lies in a folder named after the sources' content: other sources, another folder, nothing stale. No repository is named:
Maven's own settings decide.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

KAFKA_STREAMS: Final = Path(__file__).parent / "kafka-streams"
_TIMEOUT_S: Final = 900.0


def class_path(project: Path) -> str:
    """What to give to `java -cp`. Raises SystemExit if Maven can't build it."""
    built = project / "target" / _name(project)
    if not built.is_dir():
        _build(project, built)
    return f"{built / 'classes'}:{built / 'dependency'}/*"


def _name(project: Path) -> str:
    digest = hashlib.sha256()
    for source in (project / "pom.xml", *sorted((project / "src").rglob("*.java"))):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def _build(project: Path, built: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise SystemExit(
            f"{project.name} is not built yet and there is no mvn to build it (Debian: apt-get install maven default-jdk-headless)"
        )
    unfinished = built.with_name(f"{built.name}.{os.getpid()}")
    command = [maven, "-q", "-B", "-f", str(project / "pom.xml"), "compile", "dependency:copy-dependencies", f"-Dbuilt={unfinished}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    if done.returncode != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        told = "\n".join((done.stdout + done.stderr).strip().splitlines()[:10])
        raise SystemExit(f"Maven could not build {project.name} ({' '.join(command)}):\n{told}")
    unfinished.rename(built)
