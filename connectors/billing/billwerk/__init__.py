"""billwerk (Transform): thin hints that nobody signs; what they name is fetched. Which public documents: `docs/upstreams.md`."""
