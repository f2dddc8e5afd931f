"""The commands of operators: doctor, backup and restore, the stack of containers."""
