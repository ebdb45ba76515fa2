"""The app: the edge that apps see."""
