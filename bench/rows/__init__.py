"""The rows, a module each: its docstring's first line is the title, `run` measures. Found by their place."""
