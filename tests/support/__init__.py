"""What the tests and the recorder of their expectations share."""
