"""Tests of the sandbox: one file per room, over real sockets where a room faces one."""
