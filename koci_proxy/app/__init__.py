"""The edge that apps see."""
