"""Sources as they are declared; their records into bronze, their entities into silver."""
