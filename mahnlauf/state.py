"""The user's state folder: where a broker of ours keeps its data and says where it listens.

`MAHNLAUF_STATE`, else `$XDG_STATE_HOME/mahnlauf`, else `~/.local/state/mahnlauf`.
"""

import os
from pathlib import Path


def state_folder() -> Path:
    """The folder, not necessarily there yet."""
    own = os.environ.get("MAHNLAUF_STATE")
    if own:
        return Path(own).expanduser()
    shared = os.environ.get("XDG_STATE_HOME")
    return (Path(shared) if shared else Path.home() / ".local" / "state") / "mahnlauf"
