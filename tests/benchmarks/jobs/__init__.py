"""What measured processes do where no command of ours does exactly that."""
