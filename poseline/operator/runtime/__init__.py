"""What the reconcilers run on: cluster client, queue, workers, leader election, health."""
