"""What people deploy with: the compose file, the image, Dagster's files, and the processes they start."""
