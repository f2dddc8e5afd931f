"""Where evaluations go: each sink has one `write(evaluation)`."""
