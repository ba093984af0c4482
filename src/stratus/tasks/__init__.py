"""Tasks, heads, losses, metrics: what turns an encoding into values, and judges them."""
