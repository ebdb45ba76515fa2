"""Conversations of real clients with a real proxy process and a real sandbox process, over sockets."""
