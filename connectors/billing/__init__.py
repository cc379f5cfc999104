"""Upstreams: one folder each; its webhooks become our events (`events.md`, In). An upstream never knows another, nor Kafka."""
