"""The simulator: the real engine and rules over a Kafka in memory, on a loop whose time is not the world's. See docs/simulation.md."""
