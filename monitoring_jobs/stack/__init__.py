"""The containers of docker/compose.yaml, by one command each."""
