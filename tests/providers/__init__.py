"""The six providers through the whole product: connected as people connect them, read, counted, made into messages."""
