"""How fast it is: each benchmark runs the real processes beside a bare loop in the same minutes, and prints JSON."""
