"""Make the key that seals secrets and free text on Kafka, and change it."""

import os
from pathlib import Path
from typing import Annotated

import typer

from connectors.delivery.sealing import Key, SealBroken
from mahnlauf import resealing
from mahnlauf.connecting import connection, needed_keys
from mahnlauf.failures import BadInput, CommandFailed
from mahnlauf.running import run
from mahnlauf.settings import load
from mahnlauf.telling import say

app = typer.Typer(add_completion=False, no_args_is_help=True, epilog="Example: mahnlauf keys new /etc/mahnlauf/key")


@app.callback()
def keys() -> None:
    """Make the key that seals secrets and free text on Kafka, and change it."""


@app.command(epilog="Example: mahnlauf keys new /etc/mahnlauf/key")
def new(file: Annotated[Path, typer.Argument(help="Where to write it; must not be there yet.", show_default=False)]) -> None:
    """Write a new key into a file that only its owner can read. Without it nothing that was sealed can be opened: keep a copy elsewhere."""
    key = Key.new()
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as written:
            written.write(key.text + "\n")
    except OSError as error:
        raise BadInput(f"{file}: {error.strerror}") from error
    say(f"key {key.id} in {file}; name it as encryption.key_file in mahnlauf.toml")


@app.command(epilog="Example: mahnlauf keys reseal")
def reseal() -> None:
    """Seal everything anew with encryption.key; what the key before it sealed is opened with encryption.old_key.

    Connectors must have been started with both before: they read what the new key seals at once. Afterwards the old key can go.
    """
    settings = load()
    held = needed_keys(settings.encryption)
    try:
        done = run(resealing.reseal(connection(settings.kafka), held))
    except SealBroken as error:
        raise CommandFailed(f"not everything could be sealed anew; keep the old key: {error}") from None
    say(f"{done.accounts} accounts and the keys of {done.contracts} contracts sealed anew with key {held.writing}")
    if done.unread:
        raise CommandFailed(f"account {', '.join(done.unread)} cannot be read; remove or replace it, and keep the old key until then")
