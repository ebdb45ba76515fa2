"""Official SDKs of other releases and other languages, each in a folder of its own and run in a process of its own."""
