"""What the command line and the API share."""
