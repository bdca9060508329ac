"""What happens to music on its way, and which sounds fool a detector."""
