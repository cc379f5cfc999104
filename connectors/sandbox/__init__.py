"""The agencies as real HTTP servers, for test mode and demo: scriptable, on simulated days, with faults on request."""
