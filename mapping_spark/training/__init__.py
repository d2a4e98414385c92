"""The torch side of the deep path: it runs on workers and trains any module that says what its loss is."""
