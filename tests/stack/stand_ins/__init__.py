"""Small real servers in place of programs that no package of this machine offers."""
