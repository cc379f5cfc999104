"""What is measured, each as a process of its own: `python -m bench.contestants.<name> '<settings as JSON>'` prints its figures as JSON."""
